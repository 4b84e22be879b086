---------------------------- MODULE OrderedTrace ----------------------------
(***************************************************************************)
(* What the trace events of a broker, its ordered consumers and the        *)
(* simulator mean (spec/README.md), so that a recorded run can be held     *)
(* against the spec. spec/ordered/trace.ts picks one queue of one group:   *)
(* `c` is a member, `m` a message counted from 1, `n` a time in ms.        *)
(***************************************************************************)
EXTENDS Ordered

Matches(e) ==
  CASE e.action = "Tick" -> Tick(e.n)
    [] e.action = "Rebalance" -> Rebalance(e.c)
    [] e.action = "See" -> See(e.c)
    [] e.action = "Lock" -> Lock(e.c) /\ grant' = e.grant
    [] e.action = "Learn" -> Learn(e.c, e.n)
    [] e.action = "Enter" -> Enter(e.c) /\ next'[e.c] = e.m
    [] e.action = "Start" -> Start(e.c, e.m)
    [] e.action = "Finish" -> Finish(e.c) /\ hand[e.c] = e.m
    [] e.action = "Fail" -> Fail(e.c) /\ hand[e.c] = e.m
    [] e.action = "Commit" -> Commit(e.c, e.m, TRUE)
    [] e.action = "Unlock" -> Unlock(e.c)
    [] e.action = "Release" -> Release(e.c)
    [] e.action = "Crash" -> Crash(e.c)
    [] e.action = "Restart" -> Restart

(* Nobody keeps a step to himself. *)
Between(e) == FALSE
=============================================================================
