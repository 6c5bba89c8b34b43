// The shell: signing in, the views, what is told to the operator.

import { useEffect, useMemo, useState } from "preact/hooks";
import { Api, Refused } from "./api.ts";
import { type Place, parsePlace } from "./place.ts";
import { Store, useStore } from "./store.ts";
import { applyTheme, nextTheme, storedTheme } from "./theme.ts";
import { isOver } from "./words.ts";
import { AppsView } from "./views/apps.tsx";
import { CallsView } from "./views/calls.tsx";
import { ConfigurationView } from "./views/configuration.tsx";
import { EventsView } from "./views/events.tsx";
import { LineView } from "./views/line.tsx";
import { LogView } from "./views/log.tsx";
import { ParkedView } from "./views/parked.tsx";
import { RegistrationsView } from "./views/registrations.tsx";
import { TrunksView } from "./views/trunks.tsx";
import { WallView } from "./views/wall.tsx";

const TOKEN = "trunkline-token";

export function App() {
  const [token, setToken] = useState(sessionStorage.getItem(TOKEN));
  const [why, setWhy] = useState("");
  const enter = (found: string): void => {
    sessionStorage.setItem(TOKEN, found);
    setWhy("");
    setToken(found);
  };
  const leave = (reason: string): void => {
    sessionStorage.removeItem(TOKEN);
    setWhy(reason);
    setToken(null);
  };
  return token === null ? <Login why={why} enter={enter} /> : <Console key={token} token={token} leave={leave} />;
}

function Login(props: { why: string; enter: (token: string) => void }) {
  const [token, setToken] = useState("");
  const [why, setWhy] = useState(props.why);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await new Api(token.trim()).get("/v1/parked");
      props.enter(token.trim());
    } catch (error) {
      setBusy(false);
      setWhy(error instanceof Refused ? error.problem.detail : String(error));
    }
  };
  return (
    <main class="login">
      <form onSubmit={(event) => void submit(event)}>
        <h1>
          <img src="/icon.svg" alt="" width="32" height="32" /> Trunkline
        </h1>
        <label for="token">Token of an application</label>
        <input
          id="token"
          type="password"
          autocomplete="current-password"
          autofocus
          required
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
          aria-describedby="token-help"
        />
        <p id="token-help" class="quiet">
          It is in <code>[[app]]</code> of the configuration, or was printed at the first start. With the privilege{" "}
          <code>monitor</code> one only watches. It is kept until this tab is closed.
        </p>
        <p role="alert" class="bad">
          {why}
        </p>
        <button class="primary" disabled={isBusy}>
          Sign in
        </button>
      </form>
    </main>
  );
}

const usePlace = (): Place => {
  const [place, setPlace] = useState(parsePlace(location.hash));
  useEffect(() => {
    const moved = (): void => setPlace(parsePlace(location.hash));
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return place;
};

function Console(props: { token: string; leave: (why: string) => void }) {
  const store = useMemo(() => new Store(new Api(props.token), props.leave), [props.token]);
  useEffect(() => {
    store.open();
    return () => store.close();
  }, [store]);
  useStore(store);
  const place = usePlace();
  const [theme, setTheme] = useState(storedTheme());
  const turn = (): void => {
    const next = nextTheme(theme);
    applyTheme(next);
    setTheme(next);
  };
  const live = [...store.calls.values()].filter((call) => !isOver(call)).length;
  const tabs: [Place["view"], string, number | null][] = [
    ["wall", "Lines", store.lines.size],
    ["calls", "Calls", live],
    ["registrations", "Registrations", store.registrations.length],
    ["trunks", "Trunks", store.trunks.length],
    ["parked", "Parked", store.parked.length],
    ["apps", "Apps", store.apps.length],
    ["events", "Events", null],
  ];
  if (store.self?.operator === true) tabs.push(["log", "Log", null], ["configuration", "Config", null]);
  const current = place.view === "line" ? "wall" : place.view;
  const title = tabs.find(([view]) => view === current)?.[1] ?? "";
  useEffect(() => {
    document.title = `${title} – Trunkline`;
  }, [title]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>
        To the content
      </a>
      <header>
        <a class="brand" href="#/wall">
          <img src="/icon.svg" alt="" width="24" height="24" /> Trunkline
        </a>
        <nav aria-label="Views">
          {tabs.map(([view, label, count]) => (
            <a key={view} href={`#/${view}`} aria-current={current === view ? "page" : undefined}>
              {label}
              {count === null ? null : <span class="count">{count}</span>}
            </a>
          ))}
        </nav>
        <div class="tools">
          {store.self === undefined ? null : (
            <span class="quiet self" title={store.isWatcher ? "only watches" : "may operate"}>
              {store.self.name}
              {store.isWatcher ? " (read only)" : ""}
            </span>
          )}
          <span role="status" class={`link ${store.link}`}>
            {store.link === "live" ? "live" : store.link === "lost" ? "reconnecting…" : "connecting…"}
          </span>
          <button class="plain" onClick={turn} aria-label={`Theme: ${theme}`} title={`Theme: ${theme}`}>
            {theme === "auto" ? "◐" : theme === "light" ? "☀" : "☾"}
          </button>
          <button class="plain" onClick={() => props.leave("")}>
            Sign out
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1} aria-busy={!store.isLoaded}>
        {store.isLoaded ? <Shown store={store} place={place} /> : <p class="quiet">Reading…</p>}
      </main>
      <div class="notices" aria-live="polite">
        {store.notices.map((notice) => (
          <p key={notice.id} class={notice.tone}>
            <span>{notice.text}</span>
            <button class="plain" aria-label="Dismiss" onClick={() => store.dismiss(notice.id)}>
              ×
            </button>
          </p>
        ))}
      </div>
    </>
  );
}

function Shown({ store, place }: { store: Store; place: Place }) {
  switch (place.view) {
    case "wall":
      return <WallView store={store} />;
    case "line":
      return <LineView store={store} address={place.name} />;
    case "calls":
      return <CallsView store={store} chosen={place.name} />;
    case "registrations":
      return <RegistrationsView store={store} />;
    case "trunks":
      return <TrunksView store={store} />;
    case "parked":
      return <ParkedView store={store} />;
    case "apps":
      return <AppsView store={store} />;
    case "configuration":
      return <ConfigurationView store={store} />;
    case "log":
      return <LogView store={store} />;
    case "events":
      return <EventsView store={store} />;
  }
}
