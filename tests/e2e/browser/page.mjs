// A person before a page: does what it is told by lines of JSON, and answers each with one. Playwright waits, before it presses, until
// what is to be pressed is there, rests, is enabled and lies above everything else.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [modules, flags, within_ms] = process.argv.slice(-3);
const { chromium } = createRequire(`${modules}/`)("playwright-core");
const timeout = Number(within_ms);
const executablePath = execFileSync("sh", ["-c", "command -v chromium"], { encoding: "utf8" }).trim();
const browser = await chromium.launch({ executablePath, args: JSON.parse(flags), timeout: 2 * timeout });
const page = await browser.newPage();
page.setDefaultTimeout(timeout);

/** What the page said went wrong: exceptions, and what its policy forbade. */
const complaints = [];
page.on("pageerror", (error) => complaints.push(String(error.stack ?? error)));
page.on("console", (said) => {
  // Answers of the API that are refusals, and a daemon that is gone, are no fault of the page.
  if (said.type() === "error" && !/Failed to load resource|WebSocket connection to/.test(said.text())) complaints.push(said.text());
});

const actions = {
  open: ({ address }) => page.goto(address),
  click: ({ selector }) => page.locator(selector).first().click(),
  choose: ({ selector, value }) => page.locator(selector).first().selectOption(value),
  type: ({ text }) => page.keyboard.insertText(text),
  press: ({ key }) => page.keyboard.press(key),
  resize: async ({ width, height, theme }) => {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme: theme });
  },
  save: async ({ selector }) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator(selector).first().click()]);
    return { name: download.suggestedFilename(), text: readFileSync(await download.path(), "utf8") };
  },
  faults: async () => {
    if (!(await page.evaluate("'axe' in window"))) await page.evaluate(readFileSync(`${modules}/axe-core/axe.min.js`, "utf8"));
    // Rules that are off unless asked for: what is written on a button is in its name.
    const { violations } = await page.evaluate("axe.run({ resultTypes: ['violations'], rules: { 'label-content-name-mismatch': { enabled: true } } })");
    const told = ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`;
    return violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(told);
  },
  picture: ({ path }) => page.screenshot({ path }),
  evaluate: ({ expression }) => page.evaluate(expression),
  until: async ({ expression }) => {
    const end = Date.now() + timeout;
    for (;;) {
      // Whatever the expression throws while the page is not there yet is "not yet".
      const found = await page.evaluate(expression).catch(() => null);
      if (found) return found;
      if (Date.now() > end) throw new Error("never");
      await page.waitForTimeout(25);
    }
  },
  complaints: () => complaints,
};

for await (const line of createInterface({ input: process.stdin })) {
  const { action, ...told } = JSON.parse(line);
  let answer;
  try {
    answer = { done: (await actions[action](told)) ?? null };
  } catch (error) {
    const shown = await page.evaluate("document.body.innerText").catch(() => "nothing");
    answer = { failed: `${error.message}; the page shows ${shown}; it complains of ${JSON.stringify(complaints)}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
