// Builds dist from src, compares the two, or runs the unit tests.
//
//   node build.mjs            writes dist
//   node build.mjs --check    fails where dist is not what src builds
//   node build.mjs test       runs test/*.test.ts with the runner of Node

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";

const here = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
const at = (...parts) => join(here, ...parts);
const COPIED = ["index.html", "icon.svg"];
// What the oldest of the current browsers of the three makers know.
const TARGET = ["chrome120", "firefox120", "safari17"];

/** What dist is made of: names and contents. No name, time or path of the machine is in it. */
async function dist() {
  const built = await build({
    absWorkingDir: here,
    entryPoints: { console: "src/main.tsx", style: "src/style.css" },
    outdir: "dist",
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: TARGET,
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    charset: "utf8",
    logLevel: "warning",
  });
  const files = new Map(built.outputFiles.map((file) => [file.path.split("/").pop(), Buffer.from(file.contents)]));
  for (const name of COPIED) files.set(name, readFileSync(at("src", name)));
  return files;
}

async function test() {
  const directory = mkdtempSync(join(tmpdir(), "console-test-"));
  try {
    const names = readdirSync(at("test")).filter((name) => name.endsWith(".test.ts"));
    await build({
      absWorkingDir: here,
      entryPoints: names.map((name) => `test/${name}`),
      outdir: directory,
      bundle: true,
      platform: "node",
      format: "esm",
      outExtension: { ".js": ".mjs" },
      jsx: "automatic",
      jsxImportSource: "preact",
      logLevel: "warning",
    });
    const files = readdirSync(directory).map((name) => join(directory, name));
    return spawnSync(process.execPath, ["--test", ...files], { stdio: "inherit" }).status ?? 1;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const command = process.argv[2];
if (command === "test") {
  process.exitCode = await test();
} else {
  const files = await dist();
  if (command === "--check") {
    const same = (name) => files.get(name).equals(readFileSync(at("dist", name)));
    const there = readdirSync(at("dist"));
    const wrong = [...files.keys()].filter((name) => !there.includes(name) || !same(name));
    wrong.push(...there.filter((name) => !files.has(name)));
    if (wrong.length > 0) {
      console.error(`console/dist is not what console/src builds: ${wrong.join(", ")}; run npm run build and commit dist`);
      process.exitCode = 1;
    }
  } else {
    mkdirSync(at("dist"), { recursive: true });
    for (const [name, content] of files) writeFileSync(at("dist", name), content);
    for (const [name, content] of files) console.log(`dist/${name} ${content.length}`);
  }
}
