------------------------------ MODULE Counter ------------------------------
(* A counter with a log of its steps: small, and able to go wrong in every way that TLC knows. *)
EXTENDS Naturals, Sequences

CONSTANT Mode

VARIABLES count, log

vars == <<count, log>>

Init == count = (IF Mode = "wrong from the start" THEN 9 ELSE 0) /\ log = <<>>

Up ==
  /\ count < 3
  /\ count' = IF Mode = "break" /\ count = 2 THEN Head(<<>>) ELSE count + 1
  /\ log' = Append(log, [from |-> count, seen |-> {count, 5}, by |-> "U\"p"])
Again == Mode = "again" /\ count = 3 /\ count' = 1 /\ log' = SubSeq(log, 1, 1)

Next == Up \/ Again
Spec == Init /\ [][Next]_vars /\ WF_vars(Next)

Small == count < 2
Eventually == <>(count = 7)
Down == [][count' < count]_vars
=============================================================================
