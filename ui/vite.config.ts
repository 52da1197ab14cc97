import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const backend = process.env.SUMMIT_URL ?? "http://127.0.0.1:8640";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    target: "es2023",
    manifest: true,
    // The pages are served from the same origin under a strict content policy: no data: scripts, no inlined fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            // One request for all icons and shared parts instead of a dozen tiny ones.
            { name: "icons", test: /lucide-react/ },
            { name: "parts", test: /src\/(components|format|api|charts\/Sparkline)/ },
          ],
        },
      },
    },
  },
  server: { proxy: { "/api": backend, "/prometheus": backend } },
  test: {
    environment: "jsdom",
    setupFiles: ["./src/test/setup.ts"],
    include: ["src/**/*.test.{ts,tsx}"],
    css: false,
  },
});
