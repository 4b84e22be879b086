--------------------------- MODULE DeliveryTrace ---------------------------
(***************************************************************************)
(* What the trace events of a broker, a consumer and the simulator mean    *)
(* (spec/README.md), so that a recorded run can be held against the spec.  *)
(* spec/delivery/trace.ts turns byte offsets and queue offsets into places *)
(* in the log: `i` is the place of one entry, `n` how many lie below an    *)
(* end, `q` the number of a queue, `m` the number of a message.            *)
(*                                                                         *)
(* A crash carries what was found after it: a BrokerCrash the end of the   *)
(* log that came back, a ConsumerCrash where its successor began.          *)
(***************************************************************************)
EXTENDS Delivery

Matches(e) ==
  CASE e.action = "Send" -> Send(e.m, e.q)
    [] e.action = "Flush" -> Flush(e.n)
    [] e.action = "Pull" -> Pull(e.i)
    [] e.action = "Ack" -> Ack(e.i)
    [] e.action = "Retry" -> Retry(e.i, e.q) /\ log'[Len(log')].tries = e.tries
    [] e.action = "DeadLetter" -> DeadLetter(e.i) /\ log[e.i].tries + 1 = e.tries
    [] e.action = "Settle" -> Settle(e.i)
    [] e.action = "PersistOffset" -> PersistOffset(e.q, e.n)
    [] e.action = "ConsumerCrash" -> ConsumerCrash(e.from)
    [] e.action = "BrokerCrash" -> BrokerCrash(e.n)

(* Nobody keeps a step to himself. *)
Between(e) == FALSE
=============================================================================
