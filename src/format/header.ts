/**
 * The parameters of one request or response, declared once: the declaration gives the codec between `extFields` and a
 * typed value, the rows of the table in `spec/`, and the types from which tests generate values.
 *
 *   const GetMaxOffset = header("GetMaxOffset", { topic: text("..."), committed: optional(flag("...")) })
 *
 * Decoding answers Malformed when a parameter that is not optional is missing, or a number cannot be read; unknown
 * parameters are ignored. The names are the protocol's. Source: spec/wire.md, parameters.
 */
import * as Ext from "./Ext.ts"
import { Malformed } from "./Malformed.ts"

/** `long` is exact and refused beyond 2^53; `time` is only compared, and rounded there. */
export type ParameterType = "text" | "int" | "long" | "time" | "flag"

export interface Parameter<T, Optional extends boolean = boolean> {
  readonly type: ParameterType
  readonly doc: string
  readonly optional: Optional
  /** What stands for an absent parameter that is not optional; undefined when its absence is refused. */
  readonly fallback: T | undefined
}

type Required<T> = Parameter<T, false>

const parameter = <T>(type: ParameterType, doc: string): Required<T> => ({
  type,
  doc,
  optional: false,
  fallback: undefined,
})

export const text = (doc: string): Required<string> => parameter("text", doc)
export const int = (doc: string): Required<number> => parameter("int", doc)
export const long = (doc: string): Required<number> => parameter("long", doc)
export const time = (doc: string): Required<number> => parameter("time", doc)
export const flag = (doc: string): Required<boolean> => parameter("flag", doc)

/** The parameter may be absent; the decoded value then has no such member. */
export const optional = <T>(one: Required<T>): Parameter<T, true> => ({ ...one, optional: true })

/** The parameter may be absent; the decoded value then has `fallback`. */
export const orElse = <T>(one: Required<T>, fallback: NoInfer<T>): Required<T> => ({ ...one, fallback })

export type Parameters = { readonly [name: string]: Parameter<string> | Parameter<number> | Parameter<boolean> }

type ValueOf<P> = P extends Parameter<infer T> ? T : never
type OptionalNames<P extends Parameters> = { [K in keyof P]: P[K]["optional"] extends true ? K : never }[keyof P]

export type Values<P extends Parameters> = { readonly [K in Exclude<keyof P, OptionalNames<P>>]: ValueOf<P[K]> } & {
  readonly [K in OptionalNames<P>]?: ValueOf<P[K]>
}

export interface Header<P extends Parameters> {
  readonly name: string
  readonly parameters: P
  /** The type of the decoded value; only for `typeof X.Type`. */
  readonly Type: Values<P>
  /** The name on the wire of each parameter. */
  readonly keys: { readonly [K in keyof P]: string }
  readonly decode: (ext: Ext.Ext) => Values<P> | Malformed
  encode(value: Values<P>): Ext.Ext
}

/**
 * Declares a header; `keys` gives the names on the wire where they differ from those of the value. `quick` reads what
 * most clients send as the declaration would, only faster, and leaves everything else to it by answering undefined: for
 * the one or two headers that are read with every message. A law holds it to the declaration.
 */
export const header = <P extends Parameters>(
  name: string,
  parameters: P,
  keys: { readonly [K in keyof P]?: string } = {},
  quick?: (ext: Ext.Ext) => Values<P> | undefined,
): Header<P> => {
  const entries = Object.entries(parameters).map(([key, { fallback, optional: isOptional, type }]) => {
    return { key, wireKey: keys[key] ?? key, type, isOptional, fallback }
  })

  const declared = (ext: Ext.Ext): Values<P> | Malformed => {
    const value: { [key: string]: string | number | boolean } = {}
    for (const { fallback, isOptional, key, type, wireKey } of entries) {
      const read = readers[type](ext, wireKey) ?? fallback
      if (read === undefined) {
        if (!isOptional) return new Malformed(name, `${wireKey} is missing`)
      } else if (typeof read === "number" && Number.isNaN(read)) {
        return new Malformed(name, `${wireKey} is no number: ${Ext.text(ext, wireKey)?.slice(0, 32)}`)
      } else value[key] = read
    }
    return value as Values<P>
  }

  const encode = (value: Values<P>): Ext.Ext => {
    const ext: { [key: string]: string | number | boolean } = {}
    for (const { key, type, wireKey } of entries) {
      const member = (value as { [key: string]: string | number | boolean | undefined })[key]
      if (member !== undefined) ext[wireKey] = type === "time" ? Ext.printTime(member as number) : member
    }
    return ext
  }

  return {
    name,
    parameters,
    Type: undefined as unknown as Values<P>,
    keys: Object.fromEntries(entries.map(({ key, wireKey }) => [key, wireKey])) as Header<P>["keys"],
    decode: quick === undefined ? declared : (ext) => quick(ext) ?? declared(ext),
    encode,
  }
}

const readers = { text: Ext.text, int: Ext.int, long: Ext.long, time: Ext.time, flag: Ext.flag }
