/**
 * How far a group is in one queue, said as simply as it can be said: what was committed last, unless an administrator has
 * sent the group elsewhere and nobody has gone there yet. Small, obvious, slow.
 *
 *   P8  what is committed stays; it is moved back only by who may; and an administrator's word holds until it is followed
 */

export interface State {
  /** Undefined: the group was never there. */
  readonly committed: number | undefined
  /** Where the group was sent. */
  readonly sentTo: number | undefined
  /** Who was told of it last. */
  readonly told: string | undefined
}

export const empty: State = { committed: undefined, sentTo: undefined, told: undefined }

/** A member commits; answers the state after it. While the group is sent elsewhere nothing is taken. */
export const commit = (state: State, queueOffset: number): State =>
  state.sentTo === undefined ? { ...state, committed: queueOffset } : state

export const reset = (queueOffset: number): State => ({ committed: queueOffset, sentTo: queueOffset, told: undefined })

/** Another group's offset is copied. */
export const copied = (queueOffset: number): State => ({ committed: queueOffset, sentTo: undefined, told: undefined })

/** A member pulls from `queueOffset`: where it is sent instead, if it is. */
export const pull = (state: State, member: string, queueOffset: number): readonly [State, number | undefined] => {
  const { sentTo } = state
  if (sentTo === undefined) return [state, undefined]
  if (queueOffset !== sentTo) return [{ ...state, told: member }, sentTo]
  return [{ ...state, sentTo: undefined, told: undefined }, state.told === member ? undefined : sentTo]
}

/** Who was told is not kept over a restart; where the group is, is. */
export const restarted = (state: State): State => ({ ...state, told: undefined })
