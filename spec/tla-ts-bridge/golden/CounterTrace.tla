--------------------------- MODULE CounterTrace ---------------------------
(* A counter reports its steps up, and not that it starts again. *)
EXTENDS Counter

Matches(e) == e.action = "Up" /\ Up /\ count' = e.to
Between(e) == e.to = 2 /\ Again
=============================================================================
