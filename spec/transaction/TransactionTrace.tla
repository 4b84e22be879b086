-------------------------- MODULE TransactionTrace --------------------------
(***************************************************************************)
(* What the trace events of a broker and the simulator mean                *)
(* (spec/README.md), so that a recorded run can be held against the spec.  *)
(* spec/transaction/trace.ts turns byte offsets into places in the log:    *)
(* `i` is the place of one record, `n` how many lie below an end, `m` the  *)
(* number of a transaction.                                                *)
(*                                                                         *)
(* The group's progress is left out: what op messages tell makes the same  *)
(* table. A Crash carries what was found after it.                         *)
(***************************************************************************)
EXTENDS Transaction

Matches(e) ==
  CASE e.action = "SendHalf" -> SendHalf(e.m)
    [] e.action = "Flush" -> Flush(e.n)
    [] e.action = "End" -> End(e.m, e.i, e.answer)
    [] e.action = "WriteReal" -> WriteReal(e.m, e.i)
    [] e.action = "RollBack" -> RollBack(e.m, e.i)
    [] e.action = "WriteOp" -> WriteOp /\ e.halves \subseteq buffer /\ e.rolled = rolling
    [] e.action = "Answer" -> Answer(e.m, e.answer)
    [] e.action = "Check" -> Check(e.m) /\ log'[Len(log')].check = e.checks
    [] e.action = "Ask" -> Ask(e.i)
    [] e.action = "GiveUp" -> GiveUp(e.m)
    [] e.action = "Crash" -> Crash(e.n)

(* Nobody keeps a step to himself. *)
Between(e) == FALSE
=============================================================================
