import * as fc from "fast-check"
import { expect, it } from "vitest"
import * as KvConfig from "../../../src/domain/KvConfig.ts"
import { name } from "./arbitrary.ts"

const change = fc.record({ namespace: name, key: name, value: fc.option(fc.string(), { nil: undefined }) })

it("read-own and tidy: it answers what a plain table of triples would", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
      let config = KvConfig.empty
      const model = new Map<string, string>()
      for (const { key, namespace, value } of changes) {
        if (value === undefined) {
          config = KvConfig.remove(config, namespace, key)
          model.delete(`${namespace}/${key}`)
        } else {
          config = KvConfig.put(config, namespace, key, value)
          model.set(`${namespace}/${key}`, value)
        }
        expect(KvConfig.get(config, namespace, key)).toBe(model.get(`${namespace}/${key}`))
      }
      const namespaces = new Set([...model.keys()].map((path) => path.split("/")[0]))
      expect(new Set(config.keys())).toEqual(namespaces)
      for (const namespace of config.keys()) expect(KvConfig.list(config, namespace)?.size).toBeGreaterThan(0)
    }),
  )
})
