import { defineConfig } from "vitest/config";

// During development, `npx vite` asks a running service for everything but the page itself.
const service = "http://127.0.0.1:8080";

export default defineConfig({
  build: {
    target: "es2022",
    // The map is a part of its own, loaded beside the list, never before it.
    chunkSizeWarningLimit: 1300,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    sourcemap: false,
  },
  server: { proxy: { "/api": service, "/map": service } },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
