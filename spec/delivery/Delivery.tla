------------------------------ MODULE Delivery ------------------------------
(***************************************************************************)
(* A message from the producer's send to its settlement in one consumer    *)
(* group: consumed, or in the dead-letter queue after its last attempt.    *)
(*                                                                         *)
(* One log stands for all of the group's queues: an entry is a message as  *)
(* it was sent (tries 0), sent back to be delivered again (tries 1, 2, …), *)
(* or dead. A consumer that cannot handle an entry sends it back, which    *)
(* appends a copy; the entry is settled for the consumer when the broker   *)
(* answers, and it answers when the copy is durable, as it does for a      *)
(* producer. Below the group's offset nothing is ever looked at again, so  *)
(* the offset must not pass an entry that is not settled.                  *)
(*                                                                         *)
(* The consumer takes entries from the durable part of the log into its    *)
(* hand and settles them in any order. It may commit the last offset below *)
(* everything in hand, and does so with each pull; the broker makes that   *)
(* durable some time later (PersistOffset), and a restart of the consumer  *)
(* finds some offset between the durable one and the last committed.       *)
(*                                                                         *)
(* Not modelled: several consumers (that is rebalance), retention, an      *)
(* administrator who moves the offset, delay before a retry. How the log   *)
(* itself survives is spec/store: here a crash keeps any prefix of it that *)
(* holds the durable part.                                                 *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
  Msgs,               \* messages, each sent once and sent again if a crash took it before its answer
  TriesMax,           \* attempts after the first
  BrokerCrashesMax,
  ConsumerCrashesMax,
  Bug                 \* "none", or the name of a seeded bug

VARIABLES
  log,            \* entries [id, tries, dead], in log order; an index is what the code calls a queue offset plus one
  flushed,        \* how many of them are durable
  acked,          \* history: messages whose producer got its answer
  hand,           \* entries that the consumer works on
  sentBack,       \* pairs <<entry, copy>>: entries sent back whose answer is still out
  next,           \* the next entry to pull
  offset,         \* the group's durable offset: entries up to here are settled
  done,           \* history: messages consumed at least once
  brokerCrashes, consumerCrashes

consumer == <<hand, sentBack, next>>
crashes == <<brokerCrashes, consumerCrashes>>
vars == <<log, flushed, acked, hand, sentBack, next, offset, done, brokerCrashes, consumerCrashes>>

(* No behaviour needs more entries: each send or delivery of an entry appends at most one, and only crashes repeat. *)
Entries == 1..(Cardinality(Msgs) * (TriesMax + 2) * (BrokerCrashesMax + ConsumerCrashesMax + 1))

Stored == 1..Len(log)
InHand == hand \cup {pair[1] : pair \in sentBack}
Least(S) == CHOOSE i \in S : \A j \in S : i <= j

(* The offset that the consumer may commit: everything at or below it is out of its hand. *)
Low == IF InHand = {} THEN next - 1 ELSE Least(InHand) - 1

(* Dead entries lie in the dead-letter queue, which the group does not subscribe to. *)
Live == {i \in Stored : ~log[i].dead}
StoredDurably(id, from) == \E i \in from..flushed : log[i].id = id
DeadLetters == {log[i].id : i \in {j \in 1..flushed : log[j].dead}}

----------------------------------------------------------------------------

Init ==
  /\ log = <<>> /\ flushed = 0
  /\ acked = {} /\ done = {}
  /\ hand = {} /\ sentBack = {} /\ next = 1
  /\ offset = 0
  /\ brokerCrashes = 0 /\ consumerCrashes = 0

(* A producer sends a message that has no answer yet. It sends again after a crash; a duplicate from a lost answer
   would be one more message here. *)
Send(m) ==
  /\ m \notin acked
  /\ \A i \in Stored : log[i].id # m
  /\ log' = Append(log, [id |-> m, tries |-> 0, dead |-> FALSE])
  /\ acked' = IF Bug = "AckEarly" THEN acked \cup {m} ELSE acked
  /\ UNCHANGED <<flushed, consumer, offset, done, crashes>>

(* The log is durable as far as it goes. Producers get their answers, and the consumer those for what it sent back:
   these entries are settled. *)
Flush ==
  /\ flushed < Len(log)
  /\ flushed' = Len(log)
  /\ acked' = acked \cup {log[i].id : i \in Stored}
  /\ sentBack' = {}
  /\ UNCHANGED <<log, hand, next, offset, done, crashes>>

(* The consumer takes the next entry of its queues; only the durable part of the log is visible. *)
Pull(i) ==
  /\ i \in Live /\ next <= i
  /\ \A j \in next..(i - 1) : j \notin Live
  /\ i <= (IF Bug = "PullUnflushed" THEN Len(log) ELSE flushed)
  /\ Bug = "BlockedByDead" => i = next
  /\ hand' = hand \cup {i}
  /\ next' = i + 1
  /\ UNCHANGED <<log, flushed, acked, sentBack, offset, done, crashes>>

(* The application consumed the entry. *)
Ack(i) ==
  /\ i \in hand
  /\ hand' = hand \ {i}
  /\ done' = done \cup {log[i].id}
  /\ UNCHANGED <<log, flushed, acked, sentBack, next, offset, crashes>>

SendBack(i, copy) ==
  /\ log' = Append(log, copy)
  /\ hand' = hand \ {i}
  /\ sentBack' = IF Bug = "SettledEarly" THEN sentBack ELSE sentBack \cup {<<i, Len(log')>>}
  /\ UNCHANGED <<flushed, acked, next, offset, done, crashes>>

(* The application failed: the entry is stored once more, one try older. *)
Retry(i) ==
  /\ i \in hand
  /\ log[i].tries < (IF Bug = "OneTryTooMany" THEN TriesMax + 1 ELSE TriesMax)
  /\ SendBack(i, [log[i] EXCEPT !.tries = IF Bug = "TriesForgotten" THEN @ ELSE @ + 1])

(* The application failed for the last time. *)
DeadLetter(i) ==
  /\ i \in hand
  /\ log[i].tries = (IF Bug = "DeadTooEarly" THEN TriesMax - 1 ELSE TriesMax)
  /\ SendBack(i, [log[i] EXCEPT !.dead = TRUE])

(* An offset that the consumer committed is durable. *)
PersistOffset ==
  /\ LET committed == IF Bug = "OffsetPastHand" THEN next - 1 ELSE Low
     IN offset # committed /\ offset' = committed
  /\ UNCHANGED <<log, flushed, acked, consumer, done, crashes>>

(* The consumer is gone with all it had in hand; its successor starts behind the offset `from` that the broker has. *)
ConsumerCrash(from) ==
  /\ consumerCrashes < ConsumerCrashesMax
  /\ consumerCrashes' = consumerCrashes + 1
  /\ (offset <= from \/ Bug = "OffsetMovesBack") /\ from <= Low
  /\ hand' = {} /\ sentBack' = {}
  /\ next' = IF Bug = "NotRedelivered" THEN next ELSE from + 1
  /\ UNCHANGED <<log, flushed, acked, offset, done, brokerCrashes>>

(* The broker comes back with its first k entries and the durable offset. The consumer lives on; what it sent back
   without an answer is in its hand again. *)
BrokerCrash(k) ==
  /\ brokerCrashes < BrokerCrashesMax
  /\ brokerCrashes' = brokerCrashes + 1
  /\ flushed <= k /\ k <= Len(log)
  /\ log' = SubSeq(log, 1, k)
  /\ flushed' = k
  /\ hand' = InHand /\ sentBack' = {}
  /\ UNCHANGED <<acked, next, offset, done, consumerCrashes>>

Next ==
  \/ \E m \in Msgs : Send(m)
  \/ Flush
  \/ \E i \in Entries : Pull(i)
  \/ \E i \in Entries : Ack(i)
  \/ \E i \in Entries : Retry(i)
  \/ \E i \in Entries : DeadLetter(i)
  \/ PersistOffset
  \/ \E from \in {0} \cup Entries : ConsumerCrash(from)
  \/ \E k \in {0} \cup Entries : BrokerCrash(k)

(* Everybody goes on: producers send until they are answered, the broker syncs, the consumer pulls and decides. *)
Fairness ==
  /\ \A m \in Msgs : WF_vars(Send(m))
  /\ WF_vars(Flush)
  /\ WF_vars(\E i \in Entries : Pull(i))
  /\ WF_vars(\E i \in Entries : Ack(i) \/ Retry(i) \/ DeadLetter(i))

Spec == Init /\ [][Next]_vars /\ Fairness

----------------------------------------------------------------------------
(* Invariants, each with the promise (design: P1..P12) that it is part of. *)

TypeOK ==
  /\ Len(log) \in {0} \cup Entries
  /\ \A i \in Stored : log[i] \in [id : Msgs, tries : 0..(TriesMax + 2), dead : BOOLEAN]
  /\ flushed \in 0..Len(log)
  /\ acked \subseteq Msgs /\ done \subseteq Msgs
  /\ hand \subseteq Entries /\ sentBack \subseteq Entries \X Entries
  /\ next \in 1..(Cardinality(Entries) + 1)
  /\ offset \in {0} \cup Entries

(* P1: an answered message is in the log, whatever crashed. *)
NoAckedLost == \A m \in acked : \E i \in Stored : log[i].id = m

(* P1, P3: what a consumer can see is durable, so that no crash unsays it. *)
VisibleIsDurable == next <= flushed + 1

(* P4, P8: below the durable offset, and below the one that may be committed, every message is settled: consumed, or
   durable further up, to be delivered again or dead. An offset never is ahead of what was consumed. *)
CoveredTo(end) == \A i \in 1..end : log[i].dead \/ log[i].id \in done \/ StoredDurably(log[i].id, i + 1)
OffsetCovered == CoveredTo(offset) /\ CoveredTo(Low)

(* P4: nothing is tried more often than it should be, and what is dead had all of its attempts. *)
RetryBounded == \A i \in Stored : log[i].tries <= TriesMax /\ (log[i].dead => log[i].tries = TriesMax)

(* P4: attempts are counted: an entry that was tried before has the attempt before it in the log. *)
TriesCounted ==
  \A i \in Stored : \/ log[i].tries = 0 /\ ~log[i].dead /\ \A j \in 1..(i - 1) : log[j].id # log[i].id
                    \/ \E j \in 1..(i - 1) : /\ log[j].id = log[i].id /\ ~log[j].dead
                                             /\ log[j].tries = IF log[i].dead THEN log[i].tries ELSE log[i].tries - 1

(* P8: the durable offset never goes back. *)
OffsetForward == [][offset' >= offset]_vars

(* P3, P4: an answered message is consumed or ends in the dead-letter queue. *)
Settled == \A m \in Msgs : (m \in acked) ~> (m \in done \/ m \in DeadLetters)

=============================================================================
