// A browser phone that the test steers: it takes one command after the other from `next`, tells `said` what happens, and gives
// `heard` what came out of its speaker.
'use strict';

const parameters = Object.fromEntries(new URLSearchParams(location.search));
const RATE_HZ = 8000;

// The modules of JsSIP are those of Node: each is a function, found by the server.
const PACKAGES = {
  jssip: 'jssip/lib/JsSIP.js',
  debug: 'debug/src/browser.js',
  events: 'events/events.js',
  ms: 'ms/index.js',
  'sdp-transform': 'sdp-transform/lib/index.js',
};
const modules = new Map();

function load(path) {
  const known = modules.get(path);
  if (known) return known.exports;
  const module = { exports: {} };
  modules.set(path, module);
  const request = new XMLHttpRequest();
  request.open('GET', `/modules/${path}`, false);
  request.send();
  if (request.status !== 200) throw new Error(`no module ${path}`);
  if (path.endsWith('.json')) {
    module.exports = JSON.parse(request.responseText);
  } else {
    const require = name => load(PACKAGES[name] ?? resolved(path, name));
    const process = { env: {} };
    Function('module', 'exports', 'require', 'process', request.responseText)(module, module.exports, require, process);
  }
  return module.exports;
}

function resolved(from, name) {
  const path = new URL(name, `http://module/${from}`).pathname.slice(1);
  return /\.(js|json)$/.test(path) ? path : `${path}.js`;
}

let saying = Promise.resolve();
function say(type, more = {}) {
  const body = JSON.stringify({ type, ...more });
  saying = saying.then(() => fetch('said', { method: 'POST', body }));
}

let session;
let context;
let samples = [];

function listen(track) {
  const stream = new MediaStream([track]);
  // What no element plays is not decoded.
  document.getElementById('ear').srcObject = stream;
  // One recorder at a time.
  context?.close();
  context = new AudioContext({ sampleRate: RATE_HZ });
  const recorder = context.createScriptProcessor(1024, 1, 1);
  recorder.onaudioprocess = event =>
    samples.push(Int16Array.from(event.inputBuffer.getChannelData(0), sample => sample * 32767));
  context.createMediaStreamSource(stream).connect(recorder);
  recorder.connect(context.destination);
}

function follow(begun) {
  session = begun;
  for (const event of ['accepted', 'confirmed', 'ended', 'failed', 'hold', 'unhold']) {
    begun.on(event, data => say(event, { cause: data.cause, by: data.originator }));
  }
  const connected = connection => {
    connection.addEventListener('track', event => listen(event.track));
    connection.addEventListener('connectionstatechange', () => say(connection.connectionState));
  };
  if (begun.connection) connected(begun.connection);
  else begun.on('peerconnection', data => connected(data.peerconnection));
}

const media = {
  // The tone is to arrive as it is.
  mediaConstraints: { audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false }, video: false },
  pcConfig: { iceServers: [], bundlePolicy: parameters.bundle },
};

const commands = {
  call: target => ua.call(target, media),
  answer: () => session.answer(media),
  hold: () => session.hold(),
  unhold: () => session.unhold(),
  hangup: () => session.terminate(),
  unregister: () => ua.unregister(),
  async codec() {
    const reports = [...(await session.connection.getStats()).values()];
    const received = reports.find(report => report.type === 'inbound-rtp');
    say('codec', { name: reports.find(report => report.id === received.codecId).mimeType });
  },
  // What was heard since the last time.
  async heard() {
    const body = new Blob(samples);
    samples = [];
    await fetch('heard', { method: 'POST', body });
  },
};

addEventListener('error', event => say('error', { text: String(event.message) }));
addEventListener('unhandledrejection', event => say('error', { text: String(event.reason) }));

const JsSIP = load(PACKAGES.jssip);
const ua = new JsSIP.UA({
  sockets: [new JsSIP.WebSocketInterface(parameters.server)],
  uri: parameters.uri,
  password: parameters.password,
});
for (const event of ['registered', 'unregistered', 'registrationFailed', 'disconnected']) {
  // JsSIP names the address of its own device in its calls, if it was given one.
  ua.on(event, data => say(event, { cause: data.cause, gruu: String(ua.contact.pub_gruu) }));
}
ua.on('newRTCSession', ({ session: begun, originator }) => {
  follow(begun);
  if (originator === 'remote') say('incoming', { from: begun.remote_identity.uri.user });
});
ua.start();

(async () => {
  for (;;) {
    const response = await fetch('next');
    if (response.status !== 200) continue;
    const { command, parameter } = await response.json();
    await commands[command](parameter);
  }
})();
