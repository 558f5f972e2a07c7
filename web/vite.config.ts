/**
 * How the page is built: hashed assets, nothing inline, nothing from elsewhere, so that the hub can serve it under
 * `default-src 'self'`. Beside the page goes the text of every licence that the bundle must carry.
 */
import { readFileSync } from "node:fs";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const bundled = ["react", "react-dom", "scheduler", "@fontsource-variable/inter"];

function licences(): Plugin {
  return {
    name: "licences",
    apply: "build",
    generateBundle() {
      const source = bundled
        .map((name) => `${name}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim()}\n`)
        .join(`\n${"-".repeat(80)}\n\n`);
      this.emitFile({ type: "asset", fileName: "licences.txt", source });
    },
  };
}

const hub = process.env["OMMA_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react(), licences()],
  // The oldest that know all that the code calls (`AbortSignal.any`; Firefox: `requestVideoFrameCallback`); for Chrome before 123 `light-dark()` is written out.
  build: { target: "es2023", cssTarget: ["chrome116", "edge116", "firefox132", "safari17.4"], assetsInlineLimit: 0, modulePreload: { polyfill: false }, sourcemap: false },
  server: {
    host: "127.0.0.1",
    proxy: { "/api": { target: hub, ws: true } },
  },
});
