----------------------------- MODULE Transaction -----------------------------
(***************************************************************************)
(* Transactional messages in one broker. A producer sends a half message,  *)
(* which nobody sees; later it ends it by commit or rollback. The broker   *)
(* asks about those that nobody has ended, CheckMax times, and then gives  *)
(* up. Everything that the broker knows is a fold of its log:              *)
(*                                                                         *)
(*   half      a half message, or a copy of one that a check has appended: *)
(*             it counts the checks, and says of which transaction it is   *)
(*   real      the message in its own queue: the transaction is committed  *)
(*   gave      it was given up                                             *)
(*   op        these halves are settled; of a rollback nothing else tells  *)
(*   progress  below this place of the log every half is settled           *)
(*                                                                         *)
(* A crash keeps any prefix of the log that holds the durable part. What   *)
(* is undecided then is found in the log; ends that are on their way, or   *)
(* were answers to checks, come in at any time later, once, often or       *)
(* never, and may name a place of the log where another half lies by now.  *)
(* Producers may contradict themselves: an end for each answer may be out. *)
(*                                                                         *)
(* Not modelled: time (any undecided half may be asked about at any time), *)
(* which producer of a group is asked, retention, an administrator who     *)
(* resumes what was given up.                                              *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
  Msgs,        \* transactions, each sent once; also the unique keys of their messages
  CheckMax,    \* how often one is asked about
  CrashesMax,
  Durable,     \* whether a producer is told of its half only when that is durable
  Bug          \* "none", or the name of a seeded bug

VARIABLES
  log,       \* records, in the order of the log
  flushed,   \* how many of them are durable
  table,     \* of each undecided transaction, the place of its newest half; 0: not undecided
  buffer,    \* settled halves of which no op message tells yet
  rolling,   \* transactions that are rolled back, which no op message tells yet
  ends,      \* ends that were sent: <<place, transaction, answer>>
  told,      \* history: <<transaction, outcome>> that a producer was answered
  asked,     \* halves whose producer was asked
  crashes

vars == <<log, flushed, table, buffer, rolling, ends, told, asked, crashes>>

Answers == {"commit", "rollback"}
Places == 1..Len(log)
Max(S) == CHOOSE i \in S : \A j \in S : j <= i
Min(S) == CHOOSE i \in S : \A j \in S : i <= j

Half(m, check) == [kind |-> "half", msg |-> m, check |-> check, halves |-> {}, rolled |-> {}]
Fact(kind, m) == [kind |-> kind, msg |-> m, check |-> 0, halves |-> {}, rolled |-> {}]
Op(halves, rolled) == [kind |-> "op", msg |-> 0, check |-> 0, halves |-> halves, rolled |-> rolled]
Progress(place) == [kind |-> "progress", msg |-> 0, check |-> 0, halves |-> {place}, rolled |-> {}]

Is(l, i, kind, m) == l[i].kind = kind /\ l[i].msg = m
IsHalf(i) == i \in Places /\ log[i].kind = "half"
HasReal(l, m) == \E i \in 1..Len(l) : Is(l, i, "real", m)
HasGivenUp(l, m) == \E i \in 1..Len(l) : Is(l, i, "gave", m)
IsRolled(l, m) == \E i \in 1..Len(l) : m \in l[i].rolled

----------------------------------------------------------------------------
(* The fold: what a broker that starts makes of its log. *)

Settled(l) == UNION {l[i].halves : i \in {j \in 1..Len(l) : l[j].kind = "op"}}
From(l) == LET marks == {i \in 1..Len(l) : l[i].kind = "progress"}
           IN IF marks = {} THEN 1 ELSE Max(UNION {l[i].halves : i \in marks})
Open(l, m) == {i \in From(l)..Len(l) : Is(l, i, "half", m) /\ i \notin Settled(l)}
HasEnded(l, m) == Bug # "CommitsForgotten" /\ (HasReal(l, m) \/ HasGivenUp(l, m))

TableOf(l) == [m \in Msgs |-> IF Open(l, m) = {} \/ HasEnded(l, m) THEN 0 ELSE Max(Open(l, m))]
BufferOf(l) == UNION {Open(l, m) : m \in Msgs} \ {TableOf(l)[m] : m \in Msgs}

----------------------------------------------------------------------------

Init ==
  /\ log = <<>> /\ flushed = 0
  /\ table = [m \in Msgs |-> 0] /\ buffer = {} /\ rolling = {}
  /\ ends = {} /\ told = {} /\ asked = {}
  /\ crashes = 0

(* A half message comes in. A crash may have taken it before its producer was told, who then sends it again. *)
SendHalf(m) ==
  /\ \A i \in Places : ~Is(log, i, "half", m)
  /\ log' = Append(log, Half(m, 0))
  /\ table' = [table EXCEPT ![m] = Len(log')]
  /\ UNCHANGED <<rolling, flushed, buffer, ends, told, asked, crashes>>

Flush(n) ==
  /\ flushed < n /\ n <= Len(log)
  /\ flushed' = n
  /\ UNCHANGED <<rolling, log, table, buffer, ends, told, asked, crashes>>

(* The producer ends a half that it was told of, or asked about. *)
End(m, i, answer) ==
  /\ IsHalf(i) /\ log[i].msg = m
  /\ i <= flushed \/ ~Durable
  /\ log[i].check = 0 \/ i \in asked
  /\ <<i, m, answer>> \notin ends
  /\ ends' = ends \cup {<<i, m, answer>>}
  /\ UNCHANGED <<rolling, log, flushed, table, buffer, told, asked, crashes>>

(* The transaction that an end is about: that of the half which it names, and whose key it gives. *)
IsOf(i, m, answer) ==
  /\ \E key \in Msgs : <<i, key, answer>> \in ends /\ (key = m \/ Bug = "KeyNotLookedAt")
  /\ IsHalf(i) /\ log[i].msg = m
  /\ table[m] # 0 \/ (Bug = "EndsAgain" /\ ~HasGivenUp(log, m))

(* A commit: the message itself is the fact. *)
WriteReal(m, i) ==
  /\ IsOf(i, m, "commit")
  /\ log' = Append(log, Fact("real", m))
  /\ IF Bug = "CopyForgotten" /\ table[m] # i
     THEN UNCHANGED <<table, buffer>>
     ELSE table' = [table EXCEPT ![m] = 0] /\ buffer' = buffer \cup ({table[m]} \ {0})
  /\ UNCHANGED <<rolling, flushed, ends, told, asked, crashes>>

(* A rollback: the op message that follows is the fact. *)
RollBack(m, i) ==
  /\ IsOf(i, m, "rollback")
  /\ table' = [table EXCEPT ![m] = 0]
  /\ buffer' = buffer \cup ({table[m]} \ {0})
  /\ rolling' = rolling \cup {m}
  /\ told' = IF Bug = "RollbackToldEarly" THEN told \cup {<<m, "rollback">>} ELSE told
  /\ UNCHANGED <<log, flushed, ends, asked, crashes>>

(* What is settled is told, commits some time later, rollbacks at once. *)
WriteOp ==
  /\ buffer # {} \/ rolling # {}
  /\ log' = Append(log, Op(buffer, rolling))
  /\ buffer' = {} /\ rolling' = {}
  /\ UNCHANGED <<flushed, table, ends, told, asked, crashes>>

(* A producer that waits for it hears of an outcome that is durable. *)
Answer(m, outcome) ==
  /\ <<m, outcome>> \notin told
  /\ LET durable == SubSeq(log, 1, IF Bug = "CommitToldEarly" THEN Len(log) ELSE flushed)
     IN IF outcome = "commit" THEN HasReal(durable, m) ELSE IsRolled(SubSeq(log, 1, flushed), m)
  /\ told' = told \cup {<<m, outcome>>}
  /\ UNCHANGED <<rolling, log, flushed, table, buffer, ends, asked, crashes>>

(* A check is counted first, by a copy; the older half is settled by it. *)
Check(m) ==
  /\ table[m] # 0
  /\ log[table[m]].check < CheckMax
  /\ log' = Append(log, Half(m, IF Bug = "NotCounted" THEN 0 ELSE log[table[m]].check + 1))
  /\ table' = [table EXCEPT ![m] = Len(log')]
  /\ buffer' = buffer \cup {IF Bug = "OpOfNewest" THEN Len(log') ELSE table[m]}
  /\ UNCHANGED <<rolling, flushed, ends, told, asked, crashes>>

(* Then the producer is asked, about the copy. *)
Ask(i) ==
  /\ IsHalf(i) /\ i <= flushed /\ log[i].check > 0
  /\ table[log[i].msg] = i
  /\ i \notin asked
  /\ asked' = asked \cup {i}
  /\ UNCHANGED <<rolling, log, flushed, table, buffer, ends, told, crashes>>

GiveUp(m) ==
  /\ table[m] # 0 /\ Bug # "NeverGivesUp"
  /\ log[table[m]].check = CheckMax
  /\ log' = Append(log, Fact("gave", m))
  /\ table' = [table EXCEPT ![m] = 0]
  /\ buffer' = buffer \cup {table[m]}
  /\ UNCHANGED <<rolling, flushed, ends, told, asked, crashes>>

(* The group's offset in the half queue follows the oldest half of which the log does not tell how it ended. *)
AdvanceHalf ==
  /\ LET untold == IF Bug = "ProgressPastRollback" THEN {} ELSE {i \in buffer : log[i].msg \in rolling}
         open == ({table[m] : m \in Msgs} \ {0}) \cup untold
         halves == {0} \cup {i \in Places : IsHalf(i)}
         place == IF open = {} \/ Bug = "ProgressPastHalf" THEN Max(halves) + 1 ELSE Min(open)
     IN place > From(log) /\ log' = Append(log, Progress(place))
  /\ UNCHANGED <<rolling, flushed, table, buffer, ends, told, asked, crashes>>

(* The broker starts again on its first k records. *)
Crash(k) ==
  /\ crashes < CrashesMax
  /\ flushed <= k /\ k <= Len(log)
  /\ crashes' = crashes + 1
  /\ log' = SubSeq(log, 1, k)
  /\ flushed' = k
  /\ table' = TableOf(log')
  /\ buffer' = BufferOf(log')
  /\ rolling' = {}
  /\ asked' = {i \in asked : i <= k}
  /\ UNCHANGED <<ends, told>>

Next ==
  \/ \E m \in Msgs : SendHalf(m)
  \/ \E n \in Places : Flush(n)
  \/ \E m \in Msgs, i \in Places, answer \in Answers : End(m, i, answer)
  \/ \E m \in Msgs, i \in Places : WriteReal(m, i)
  \/ \E m \in Msgs, i \in Places : RollBack(m, i)
  \/ WriteOp
  \/ \E m \in Msgs, outcome \in Answers : Answer(m, outcome)
  \/ \E m \in Msgs : Check(m)
  \/ \E i \in Places : Ask(i)
  \/ \E m \in Msgs : GiveUp(m)
  \/ AdvanceHalf
  \/ \E k \in {0} \cup Places : Crash(k)

(* The broker goes on: it syncs, and asks about what nobody ends. *)
Fairness ==
  /\ WF_vars(Flush(Len(log))) /\ WF_vars(WriteOp)
  /\ \A m \in Msgs : WF_vars(Check(m)) /\ WF_vars(GiveUp(m))

Spec == Init /\ [][Next]_vars /\ Fairness

----------------------------------------------------------------------------
(* Invariants, each with the promise (design: P1..P12) that it is part of. *)

TypeOK ==
  /\ \A i \in Places : /\ log[i].kind \in {"half", "real", "gave", "op", "progress"}
                       /\ log[i].check \in 0..CheckMax /\ log[i].rolled \subseteq Msgs
  /\ flushed \in 0..Len(log)
  /\ table \in [Msgs -> {0} \cup Places] /\ buffer \subseteq Places /\ rolling \subseteq Msgs
  /\ told \subseteq Msgs \X Answers

(* P6: a message becomes visible at most once. *)
AtMostOneReal == \A i, j \in Places : log[i].kind = "real" /\ log[j].kind = "real" /\ i # j => log[i].msg # log[j].msg

(* P6: only a commit of this very transaction makes it visible: no late end touches another one. *)
OnlyCommitted == \A m \in Msgs : HasReal(log, m) => \E end \in ends : end[2] = m /\ end[3] = "commit"

(* P6: an answered commit is delivered, an answered rollback never is, whatever crashed. *)
ToldIsSo ==
  /\ \A m \in Msgs : <<m, "commit">> \in told => HasReal(log, m)
  /\ \A m \in Msgs : <<m, "rollback">> \in told => IsRolled(log, m) /\ ~HasReal(log, m)

(* P6: one outcome of each transaction. *)
OneOutcome ==
  \A m \in Msgs : Cardinality({o \in {1, 2, 3} : <<HasReal(log, m), HasGivenUp(log, m), IsRolled(log, m)>>[o]}) <= 1

(* P6: no half is forgotten: it is undecided and will be asked about, or it has ended. *)
NoneForgotten ==
  \A i \in Places :
    log[i].kind = "half" =>
      LET m == log[i].msg IN table[m] # 0 \/ m \in rolling \/ HasReal(log, m) \/ HasGivenUp(log, m) \/ IsRolled(log, m)

(* An op message settles only what has ended, or has a newer copy below the op message: Apache RocketMQ, which goes by
   op messages alone, forgets nothing either. *)
OpMatches ==
  \A o \in Places : log[o].kind = "op" =>
    \A i \in log[o].halves :
      /\ i < o /\ log[i].kind = "half"
      /\ LET before == SubSeq(log, 1, o) m == log[i].msg
         IN \/ HasReal(before, m) \/ HasGivenUp(before, m) \/ IsRolled(before, m)
            \/ \E j \in (i + 1)..(o - 1) : Is(log, j, "half", m)

(* P6: it is asked about so often, over all crashes. *)
BoundedCheck == \A m \in Msgs : Cardinality({i \in Places : Is(log, i, "half", m)}) <= CheckMax + 1

(* P9: what the broker holds in memory is what it would find in its log, but for what it is writing there. *)
TableIsFold == \A m \in Msgs : table[m] = TableOf(log)[m] \/ m \in rolling

(* P6: every half ends. *)
Ends ==
  \A m \in Msgs :
    (\E i \in Places : Is(log, i, "half", m)) ~>
      (HasReal(log, m) \/ HasGivenUp(log, m) \/ IsRolled(log, m) \/ \A i \in Places : ~Is(log, i, "half", m))

=============================================================================
