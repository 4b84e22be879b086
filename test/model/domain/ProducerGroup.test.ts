import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Client } from "../../../src/domain/ConsumerGroup.ts"
import * as ProducerGroup from "../../../src/domain/ProducerGroup.ts"

const client = (connection: number, lastUpdateMs = 0, clientId = `client-${connection}`): Client<number> => ({
  connection,
  clientId,
  language: 0,
  version: 513,
  lastUpdateMs,
})

const step = fc.oneof(
  fc.record({ _tag: fc.constant("Register" as const), group: fc.constantFrom("g", "h"), connection: fc.nat(3) }),
  fc.record({ _tag: fc.constant("Unregister" as const), group: fc.constantFrom("g", "h"), connection: fc.nat(3) }),
  fc.record({ _tag: fc.constant("Disconnected" as const), connection: fc.nat(3) }),
  fc.record({ _tag: fc.constant("Elapsed" as const), ms: fc.constantFrom(1, 60_000, 121_000) }),
)

describe("ProducerGroup", () => {
  it("members: the table is what a list of members says", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const table = ProducerGroup.make<number>()
        const model = new Map<string, number>()
        let nowMs = 0
        for (const given of steps) {
          if (given._tag === "Register") {
            const key = `${given.group}/${given.connection}`
            expect(ProducerGroup.register(table, given.group, client(given.connection, nowMs))).toBe(!model.has(key))
            model.set(key, nowMs)
          } else if (given._tag === "Unregister") {
            model.delete(`${given.group}/${given.connection}`)
            ProducerGroup.unregister(table, given.group, given.connection)
          } else if (given._tag === "Disconnected") {
            for (const group of ["g", "h"]) model.delete(`${group}/${given.connection}`)
            ProducerGroup.disconnected(table, given.connection)
          } else {
            nowMs += given.ms
            const silent = [...model].filter(([, lastMs]) => nowMs - lastMs > 120_000)
            const connections = new Set(silent.map(([key]) => Number(key.slice(2))))
            const due = ProducerGroup.nextDueMs(table)
            expect(new Set(ProducerGroup.expired(table, nowMs))).toEqual(connections)
            expect(due !== undefined && due <= nowMs).toBe(connections.size > 0)
          }
          const found = ["g", "h"].flatMap((group) =>
            ProducerGroup.clients(table, group).map((member) => `${group}/${member.connection}`),
          )
          expect(new Set(found)).toEqual(new Set(model.keys()))
          for (const connection of [0, 1, 2, 3]) {
            const isKnown = [...model.keys()].some((key) => key.endsWith(`/${connection}`))
            expect(ProducerGroup.findClient(table, `client-${connection}`) !== undefined).toBe(isKnown)
          }
        }
        expect(table.groups.size).toBe(new Set([...model.keys()].map((key) => key[0])).size)
      }),
      { numRuns: 300 },
    )
  })

  it("fair: as many picks in a row as there are usable connections answer each of them once", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(9), { minLength: 1 }), fc.nat(20), fc.nat(9), (connections, warmUp, broken) => {
        const table = ProducerGroup.make<number>()
        for (const connection of connections) ProducerGroup.register(table, "g", client(connection))
        const isUsable = (connection: number): boolean => connection !== broken
        for (let i = 0; i < warmUp; i++) ProducerGroup.pick(table, "g", isUsable)
        const usable = connections.filter(isUsable)
        const picked = usable.map(() => ProducerGroup.pick(table, "g", isUsable)?.connection)
        expect(picked.toSorted()).toEqual(usable.toSorted())
        if (usable.length === 0) expect(ProducerGroup.pick(table, "g", isUsable)).toBeUndefined()
      }),
    )
  })

  it("one id: a connection that changes its name is known by the last one, and leaves no other behind", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), fc.constantFrom("g", "h"), fc.constantFrom("x", "y", "z"))), (beats) => {
        const table = ProducerGroup.make<number>()
        const last = new Map<number, string>()
        for (const [connection, group, clientId] of beats) {
          ProducerGroup.register(table, group, client(connection, 0, clientId))
          last.set(connection, clientId)
          expect(table.ofClientId.size).toBeLessThanOrEqual(last.size)
          expect(ProducerGroup.findClient(table, clientId)?.connection).toBe(connection)
        }
        expect(table.size).toBe(new Set(beats.map(([connection, group]) => `${group}${connection}`)).size)
        for (const connection of last.keys()) ProducerGroup.disconnected(table, connection)
        expect([table.ofClientId.size, table.idOf.size, table.groups.size, table.size]).toEqual([0, 0, 0, 0])
      }),
    )
  })

  it("knows a client that reconnected by its newer connection", () => {
    const table = ProducerGroup.make<number>()
    ProducerGroup.register(table, "g", client(1, 0, "c"))
    ProducerGroup.register(table, "g", client(2, 0, "c"))
    ProducerGroup.disconnected(table, 1)
    expect(ProducerGroup.findClient(table, "c")?.connection).toBe(2)
  })
})
