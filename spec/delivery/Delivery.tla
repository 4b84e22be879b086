------------------------------ MODULE Delivery ------------------------------
(***************************************************************************)
(* A message from the producer's send to its settlement in one consumer    *)
(* group: consumed, or in the dead-letter queue after its last attempt.    *)
(*                                                                         *)
(* The log holds the entries of all of the group's queues: an entry is a   *)
(* message as it was sent (tries 0), sent back to be delivered again       *)
(* (tries 1, 2, …), or dead. A consumer that cannot handle an entry sends  *)
(* it back, which appends a copy; the entry is settled for the consumer    *)
(* when it is told that the copy is durable. Below the group's offset of a *)
(* queue nothing is ever looked at again, so the offset must not pass an   *)
(* entry that is not settled.                                              *)
(*                                                                         *)
(* The consumer takes entries from the durable part of the log into its    *)
(* hand, in the order of each queue, and settles them in any order. It may *)
(* commit the last offset below everything in hand, and does so with each  *)
(* pull; the broker makes that durable some time later (PersistOffset),    *)
(* and a restart of the consumer finds some offset between the durable one *)
(* and the last committed.                                                 *)
(*                                                                         *)
(* A delay makes an entry visible later. What has the same delay keeps its *)
(* order, so that it is a queue of its own here (spec/delivery/trace.ts).  *)
(*                                                                         *)
(* Not modelled: several consumers (that is rebalance), retention, an      *)
(* administrator who moves the offset, answers that are lost while both    *)
(* sides live on. How the log itself survives is spec/store: here a crash  *)
(* keeps any prefix of it that holds the durable part.                     *)
(***************************************************************************)
EXTENDS Naturals, Sequences

CONSTANTS
  Msgs,               \* messages, each sent once and sent again if a crash took it before its answer
  SendQueues,         \* queues that producers send to
  RetryQueues,        \* queues that messages go to when they are sent back
  TriesMax,           \* attempts after the first
  BrokerCrashesMax,
  ConsumerCrashesMax,
  Bug                 \* "none", or the name of a seeded bug

VARIABLES
  log,            \* entries [id, tries, dead, queue], in log order; a dead one has the queue it would have gone to
  flushed,        \* how many of them are durable
  acked,          \* history: messages whose producer got its answer
  hand,           \* entries that the consumer works on
  sentBack,       \* pairs <<entry, copy>>: entries sent back whose answer is still out
  next,           \* of each queue, where the next pull begins: an index of the log
  offset,         \* of each queue, the group's durable offset: its entries up to this index are settled
  done,           \* history: messages consumed at least once
  brokerCrashes, consumerCrashes

consumer == <<hand, sentBack, next>>
crashes == <<brokerCrashes, consumerCrashes>>
vars == <<log, flushed, acked, hand, sentBack, next, offset, done, brokerCrashes, consumerCrashes>>

Queues == SendQueues \cup RetryQueues
Stored == 1..Len(log)
InHand == hand \cup {pair[1] : pair \in sentBack}
Least(S) == CHOOSE i \in S : \A j \in S : i <= j

(* The offsets that a queue can have: none of its entries, or all up to one of them. *)
Marks(q) == {0} \cup {i \in Stored : log[i].queue = q}

(* The offset that the consumer may commit: everything at or below it is out of its hand. *)
Low(q) == LET mine == {i \in InHand : log[i].queue = q}
          IN IF mine = {} THEN next[q] - 1 ELSE Least(mine) - 1

(* Dead entries lie in the dead-letter queue, which the group does not subscribe to. *)
Live == {i \in Stored : ~log[i].dead}
StoredDurably(id, from) == \E i \in from..flushed : log[i].id = id
DeadLetters == {log[i].id : i \in {j \in 1..flushed : log[j].dead}}

----------------------------------------------------------------------------

Init ==
  /\ log = <<>> /\ flushed = 0
  /\ acked = {} /\ done = {}
  /\ hand = {} /\ sentBack = {} /\ next = [q \in Queues |-> 1]
  /\ offset = [q \in Queues |-> 0]
  /\ brokerCrashes = 0 /\ consumerCrashes = 0

(* A producer sends a message that has no answer yet. It sends again after a crash; a duplicate from a lost answer
   would be one more message here. *)
Send(m, q) ==
  /\ m \notin acked
  /\ \A i \in Stored : log[i].id # m
  /\ log' = Append(log, [id |-> m, tries |-> 0, dead |-> FALSE, queue |-> q])
  /\ acked' = IF Bug = "AckEarly" THEN acked \cup {m} ELSE acked
  /\ UNCHANGED <<flushed, consumer, offset, done, crashes>>

(* The first n entries are durable: producers get their answers. *)
Flush(n) ==
  /\ flushed < n /\ n <= Len(log)
  /\ flushed' = n
  /\ acked' = acked \cup {log[i].id : i \in 1..n}
  /\ UNCHANGED <<log, consumer, offset, done, crashes>>

(* The consumer takes the next entry of a queue; only the durable part of the log is visible. *)
Pull(i) ==
  /\ i \in Live
  /\ LET q == log[i].queue IN
     /\ next[q] <= i
     /\ \A j \in next[q]..(i - 1) : log[j].queue # q \/ (log[j].dead /\ Bug # "BlockedByDead")
     /\ i <= (IF Bug = "PullUnflushed" THEN Len(log) ELSE flushed)
     /\ hand' = hand \cup {i}
     /\ next' = [next EXCEPT ![q] = i + 1]
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
Retry(i, q) ==
  /\ i \in hand
  /\ log[i].tries < (IF Bug = "OneTryTooMany" THEN TriesMax + 1 ELSE TriesMax)
  /\ SendBack(i, [log[i] EXCEPT !.tries = IF Bug = "TriesForgotten" THEN @ ELSE @ + 1, !.queue = q])

(* The application failed for the last time. *)
DeadLetter(i) ==
  /\ i \in hand
  /\ log[i].tries = (IF Bug = "DeadTooEarly" THEN TriesMax - 1 ELSE TriesMax)
  /\ SendBack(i, [log[i] EXCEPT !.dead = TRUE])

(* The consumer is told that the copy of what it sent back is durable: the entry is settled. *)
Settle(i) ==
  /\ \E pair \in sentBack : pair[1] = i /\ pair[2] <= flushed
  /\ sentBack' = {pair \in sentBack : pair[1] # i}
  /\ UNCHANGED <<log, flushed, acked, hand, next, offset, done, crashes>>

(* An offset that the consumer committed, now or some time ago, is durable. *)
PersistOffset(q, to) ==
  /\ to \in Marks(q) /\ to # offset[q]
  /\ offset[q] < to \/ Bug = "OffsetMovesBack"
  /\ to <= (IF Bug = "OffsetPastHand" THEN next[q] - 1 ELSE Low(q))
  /\ offset' = [offset EXCEPT ![q] = to]
  /\ UNCHANGED <<log, flushed, acked, consumer, done, crashes>>

(* The consumer is gone with all it had in hand; its successor starts behind the offsets `from` that the broker has. *)
ConsumerCrash(from) ==
  /\ consumerCrashes < ConsumerCrashesMax
  /\ consumerCrashes' = consumerCrashes + 1
  /\ \A q \in Queues : from[q] \in Marks(q) /\ offset[q] <= from[q] /\ from[q] <= Low(q)
  /\ hand' = {} /\ sentBack' = {}
  /\ next' = IF Bug = "NotRedelivered" THEN next ELSE [q \in Queues |-> from[q] + 1]
  /\ UNCHANGED <<log, flushed, acked, offset, done, brokerCrashes>>

(* The broker comes back with its first k entries and the durable offsets. The consumer lives on; what it sent back
   without an answer is in its hand again, also when the copy is there and only the answer was lost. *)
BrokerCrash(k) ==
  /\ brokerCrashes < BrokerCrashesMax
  /\ brokerCrashes' = brokerCrashes + 1
  /\ flushed <= k /\ k <= Len(log)
  /\ log' = SubSeq(log, 1, k)
  /\ flushed' = k
  /\ hand' = InHand /\ sentBack' = {}
  /\ UNCHANGED <<acked, next, offset, done, consumerCrashes>>

Next ==
  \/ \E m \in Msgs, q \in SendQueues : Send(m, q)
  \/ \E n \in Stored : Flush(n)
  \/ \E i \in Stored : Pull(i)
  \/ \E i \in Stored : Ack(i)
  \/ \E i \in Stored, q \in RetryQueues : Retry(i, q)
  \/ \E i \in Stored : DeadLetter(i)
  \/ \E i \in Stored : Settle(i)
  \/ \E q \in Queues, to \in {0} \cup Stored : PersistOffset(q, to)
  \/ \E from \in [Queues -> {0} \cup Stored] : ConsumerCrash(from)
  \/ \E k \in {0} \cup Stored : BrokerCrash(k)

(* Everybody goes on: producers send until they are answered, the broker syncs, the consumer pulls and decides. *)
Decide(i) == Ack(i) \/ DeadLetter(i) \/ \E q \in RetryQueues : Retry(i, q)
Fairness ==
  /\ \A m \in Msgs : WF_vars(\E q \in SendQueues : Send(m, q))
  /\ WF_vars(Flush(Len(log)))
  /\ WF_vars(\E i \in Stored : Pull(i))
  /\ WF_vars(\E i \in Stored : Decide(i))

Spec == Init /\ [][Next]_vars /\ Fairness

----------------------------------------------------------------------------
(* Invariants, each with the promise (design: P1..P12) that it is part of. *)

TypeOK ==
  /\ \A i \in Stored : log[i] \in [id : Msgs, tries : 0..(TriesMax + 2), dead : BOOLEAN, queue : Queues]
  /\ flushed \in 0..Len(log)
  /\ acked \subseteq Msgs /\ done \subseteq Msgs
  /\ hand \subseteq Stored /\ sentBack \subseteq Stored \X Stored
  /\ next \in [Queues -> 1..(Len(log) + 1)]
  /\ offset \in [Queues -> {0} \cup Stored]

(* P1: an answered message is in the log, whatever crashed. *)
NoAckedLost == \A m \in acked : \E i \in Stored : log[i].id = m

(* P1, P3: what a consumer can see is durable, so that no crash unsays it. *)
VisibleIsDurable == \A q \in Queues : next[q] <= flushed + 1

(* P4, P8: below the durable offset, and below the one that may be committed, every message is settled: consumed, or
   durable further up, to be delivered again or dead. An offset never is ahead of what was consumed. *)
CoveredTo(q, end) ==
  \A i \in 1..end : log[i].queue # q \/ log[i].dead \/ log[i].id \in done \/ StoredDurably(log[i].id, i + 1)
OffsetCovered == \A q \in Queues : CoveredTo(q, offset[q]) /\ CoveredTo(q, Low(q))

(* P4: nothing is tried more often than it should be, and what is dead had all of its attempts. *)
RetryBounded == \A i \in Stored : log[i].tries <= TriesMax /\ (log[i].dead => log[i].tries = TriesMax)

(* P4: attempts are counted: an entry that was tried before has the attempt before it in the log. *)
TriesCounted ==
  \A i \in Stored : \/ log[i].tries = 0 /\ ~log[i].dead /\ \A j \in 1..(i - 1) : log[j].id # log[i].id
                    \/ \E j \in 1..(i - 1) : /\ log[j].id = log[i].id /\ ~log[j].dead
                                             /\ log[j].tries = IF log[i].dead THEN log[i].tries ELSE log[i].tries - 1

(* P8: no durable offset goes back. *)
OffsetForward == [][\A q \in Queues : offset'[q] >= offset[q]]_vars

(* P3, P4: an answered message is consumed or ends in the dead-letter queue. *)
Settled == \A m \in Msgs : (m \in acked) ~> (m \in done \/ m \in DeadLetters)

=============================================================================
