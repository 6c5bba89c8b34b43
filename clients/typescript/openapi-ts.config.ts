// What `clients/generate.sh` makes of the daemon's OpenAPI document: types, one method for each operation, and the HTTP client below them.
import { defineConfig } from "@hey-api/openapi-ts";

export default defineConfig({
  input: process.env["TRUNKLINE_OPENAPI"] ?? "openapi.json",
  output: "src/generated",
  logs: { file: false },
  plugins: [
    "@hey-api/typescript",
    { name: "@hey-api/sdk", responseStyle: "data", operations: { strategy: "single", containerName: "Trunkline" } },
    { name: "@hey-api/client-fetch", throwOnError: true },
  ],
});
