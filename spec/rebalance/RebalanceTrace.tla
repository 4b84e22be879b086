--------------------------- MODULE RebalanceTrace ---------------------------
(***************************************************************************)
(* What the trace events of a broker, its consumers and the simulator mean *)
(* (spec/README.md), so that a recorded run can be held against the spec.  *)
(* spec/rebalance/trace.ts numbers members by the order of their ids,      *)
(* queues and messages from 1.                                             *)
(***************************************************************************)
EXTENDS Rebalance

Matches(e) ==
  CASE e.action = "Join" -> Join(e.c)
    [] e.action = "Leave" -> Leave(e.c)
    [] e.action = "Crash" -> Crash(e.c)
    [] e.action = "Restart" -> Restart
    [] e.action = "Beat" -> Beat(e.c)
    [] e.action = "Forget" -> Forget(e.c)
    [] e.action = "SeeMembers" -> SeeMembers(e.c, e.list)
    [] e.action = "Drop" -> Drop(e.c, e.q)
    [] e.action = "Take" -> Take(e.c, e.q, e.at)
    [] e.action = "Pull" -> Pull(e.c, e.q) /\ next[e.c][e.q] = e.m
    [] e.action = "Done" -> Done(e.c, e.q, e.m)
    [] e.action = "Tell" -> Tell(e.c, e.q)
    [] e.action = "CommitOffset" -> CommitOffset(e.c, e.q, e.m)

(* Nobody keeps a step to himself. *)
Between(e) == FALSE
=============================================================================
