import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/{model,chaos,package}/**/*.test.ts", "spec/**/*.test.ts"],
    pool: "threads",
    maxWorkers: 2,
    testTimeout: 60_000,
    experimental: { viteModuleRunner: false },
  },
})
