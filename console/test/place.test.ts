import assert from "node:assert/strict";
import { test } from "node:test";
import { callHref, lineHref, parsePlace } from "../src/place.ts";

test("a place is read as it was written", () => {
  assert.deepEqual(parsePlace(lineHref("10/01 ü")), { view: "line", name: "10/01 ü" });
  assert.deepEqual(parsePlace(callHref("c3")), { view: "calls", name: "c3" });
  assert.deepEqual(parsePlace("#/trunks"), { view: "trunks", name: "" });
});

test("what is no place is the wall", () => {
  for (const hash of ["", "#", "#/nothing", "#/constructor"]) assert.deepEqual(parsePlace(hash), { view: "wall", name: "" });
  assert.deepEqual(parsePlace("#/line/%E0"), { view: "line", name: "" });
});
