/** Who a request comes from. Every connection has one from its first byte, so that authorisation adds a decision, not a parameter (P12). */
export interface Principal {
  readonly name: string
}

export const anonymous: Principal = { name: "anonymous" }
