import { describe, expect, it } from "vitest"
import { Malformed } from "./Malformed.ts"
import * as Shape from "./shape.ts"

const Sample = Shape.record("Sample", {
  name: Shape.text,
  count: Shape.orElse(Shape.int, 0),
  size: Shape.optional(Shape.long),
  isOn: Shape.orElse(Shape.flag, false, "on"),
  kind: Shape.orElse(Shape.choice(["A", "B"], "A"), "A"),
  tags: Shape.orElse(Shape.set(Shape.text), new Set()),
  byId: Shape.optional(Shape.numberMap(Shape.text)),
  rate: Shape.optional(Shape.double),
})

const read = (json: string) => Sample.decode(Buffer.from(json))
const reasonOf = (json: string) => {
  const value = read(json)
  return value instanceof Malformed ? value.reason : "accepted"
}

describe("shape", () => {
  it("reads members in any case, under other names, as strings, and ignores what it does not know", () => {
    expect(read('{"NAME":"n","Count":"5","on":true,"unknown":{"a":[1]},"KIND":1,"tags":["x","x",null]}')).toEqual({
      name: "n",
      count: 5,
      isOn: true,
      kind: "B",
      tags: new Set(["x"]),
    })
    expect(read('{"name":7,"isOn":"TRUE","kind":"Z","count":null,"size":"-3","byId":{"1":"a","2":null}}')).toEqual({
      name: "7",
      count: 0,
      isOn: true,
      kind: "A",
      size: -3,
      tags: new Set(),
      byId: new Map([[1, "a"]]),
    })
    expect(read('{"name":true,"isOn":1,"kind":9,"rate":"1.5"}')).toMatchObject({
      name: "true",
      isOn: true,
      kind: "A",
      rate: 1.5,
    })
  })

  it("prefers the exact name, and does not search an object of very many members", () => {
    expect(read('{"Name":"other","name":"exact"}')).toMatchObject({ name: "exact" })
    const many = Array.from({ length: 100 }, (_, index) => `"m${index}":1`).join(",")
    expect(reasonOf(`{${many},"NAME":"n"}`)).toBe("name is missing")
  })

  it("refuses members of another kind, and says which", () => {
    expect(reasonOf("{}")).toBe("name is missing")
    expect(reasonOf("[]")).toBe("a list is no object")
    expect(reasonOf('{"name":{}}')).toBe("name: an object is no text")
    expect(reasonOf('{"name":"n","count":2147483648}')).toBe("count: 2147483648 is no int")
    expect(reasonOf('{"name":"n","count":1.5}')).toBe("count: 1.5 is no int")
    expect(reasonOf('{"name":"n","size":9007199254740993}')).toBe("size: 9007199254740992 is no long")
    expect(reasonOf('{"name":"n","isOn":[]}')).toBe("isOn: a list is no boolean")
    expect(reasonOf('{"name":"n","kind":{}}')).toBe("kind: an object is no name")
    expect(reasonOf('{"name":"n","tags":"x"}')).toBe("tags: x is no list")
    expect(reasonOf('{"name":"n","tags":[{}]}')).toBe("tags: an object is no text")
    expect(reasonOf('{"name":"n","byId":[]}')).toBe("byId: a list is no map")
    expect(reasonOf('{"name":"n","byId":{"x":"a"}}')).toBe("byId: x is no long")
    expect(reasonOf('{"name":"n","byId":{"1":[]}}')).toBe("byId: a list is no text")
    expect(reasonOf('{"name":"n","rate":"fast"}')).toBe("rate: fast is no number")
    expect(reasonOf("{bad")).toMatch(/no colon/)
  })

  it("prints members in order, bare numeric keys or quoted and sorted ones, doubles as Java does", () => {
    const value = {
      name: "n",
      count: 1,
      isOn: true,
      kind: "B" as const,
      tags: new Set<string>(),
      byId: new Map([
        [2, "b"],
        [1, "a"],
      ]),
      rate: 6,
    }
    const members = '"count":1,"isOn":true,"kind":"B","name":"n","rate":6.0,"tags":[]'
    expect(Sample.print(value, Shape.legacy, "")).toBe(`{"byId":{2:"b",1:"a"},${members}}`)
    expect(Sample.print(value, Shape.standard, "")).toBe(`{"byId":{"1":"a","2":"b"},${members}}`)
    expect(Shape.double.print(1e21, Shape.legacy, "")).toBe("1e+21")
    expect(
      Shape.map(Shape.int).print(
        new Map([
          ["b", 1],
          ["a", 2],
        ]),
        Shape.standard,
        "",
      ),
    ).toBe('{"a":2,"b":1}')
  })

  it("reads a map from queues, whose keys are objects or strings of JSON", () => {
    const Queues = Shape.record("Queues", { table: Shape.queueMap(Shape.long) })
    const queue = { brokerName: "b", queueId: 0, topic: "T" }
    const object = '{"table":{{"brokerName":"b","queueId":0,"topic":"T"}:5}}'
    expect(Queues.decode(Buffer.from(object))).toEqual({ table: [[queue, 5]] })
    expect(
      Queues.decode(Buffer.from('{"table":{"{\\"brokerName\\":\\"b\\",\\"queueId\\":0,\\"topic\\":\\"T\\"}":5}}')),
    ).toEqual({
      table: [[queue, 5]],
    })
    expect(Queues.print({ table: [[queue, 5]] }, Shape.legacy, "")).toBe(object)
    expect(Queues.decode(Buffer.from('{"table":{"queue":5}}'))).toBeInstanceOf(Malformed)
    expect(Queues.decode(Buffer.from('{"table":{{"topic":"T"}:5}}'))).toBeInstanceOf(Malformed)
    expect(Queues.decode(Buffer.from('{"table":[]}'))).toBeInstanceOf(Malformed)
  })

  it("keeps attributes of any name, __proto__ among them", () => {
    const value = Shape.attributes.read(JSON.parse('{"__proto__":"x","a":1}')) as Record<string, string>
    expect(Object.entries(value)).toEqual([
      ["__proto__", "x"],
      ["a", "1"],
    ])
    expect(Shape.attributes.print(value, Shape.legacy, "")).toBe('{"__proto__":"x","a":"1"}')
    expect(Shape.attributes.read([])).toBeInstanceOf(Malformed)
  })
})
