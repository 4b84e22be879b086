/** What the doctor says of one thing that it looked at. */
export interface Verdict {
  /** What was looked at, in a word or two. */
  readonly check: string
  /** `unknown`: it could not be looked at, and why is the evidence. */
  readonly verdict: "ok" | "warning" | "problem" | "unknown"
  /** What was found. */
  readonly evidence: string
  /** What to do about it. */
  readonly advice?: string
}

export const ok = (check: string, evidence: string): Verdict => ({ check, evidence, verdict: "ok" })

export const unknown = (check: string, evidence: string): Verdict => ({ check, evidence, verdict: "unknown" })

export const warning = (check: string, evidence: string, advice: string): Verdict => ({
  advice,
  check,
  evidence,
  verdict: "warning",
})

export const problem = (check: string, evidence: string, advice: string): Verdict => ({
  advice,
  check,
  evidence,
  verdict: "problem",
})
