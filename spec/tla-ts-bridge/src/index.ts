/** Ties TLA+ modules to TypeScript. See spec/README.md. */
export { checkSpec, type CheckOptions } from "./checkSpec.ts"
export { type Model, ModelError } from "./Model.ts"
export { findTlc, type NoTlc, type Tlc } from "./Tlc.ts"
export {
  canonical,
  type FunctionValue,
  functionOf,
  type ModelValue,
  modelValue,
  normal,
  parseValue,
  printValue,
  recordOf,
  type RecordValue,
  seqOf,
  type SeqValue,
  setOf,
  type SetValue,
  type Value,
  ValueError,
} from "./Value.ts"
export { type RecordedEvent, type TraceSpec, type TraceVerdict, validateTrace } from "./validateTrace.ts"
export type { CheckResult, Explored, Step, Taken, Violated } from "./Verdict.ts"
