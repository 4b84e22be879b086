----------------------------- MODULE Rebalance -----------------------------
(***************************************************************************)
(* The members of a group share the queues of a topic without talking to   *)
(* each other, and tell how far they are (P3, P8).                         *)
(*                                                                         *)
(* A broker knows who is a member by heartbeats. A member asks for the     *)
(* list now and then, and computes its share from it: the same list gives  *)
(* shares that fit together. Lists differ for a while when members come    *)
(* and go; then a queue has two owners, or none. A queue that a member     *)
(* takes it begins where the group is; of one that it lets go it tells its *)
(* progress and forgets the rest. What is told travels, and arrives late   *)
(* or never; the broker takes it as it is, because a group without locks   *)
(* may move back (spec/ordered is about those with locks).                 *)
(*                                                                         *)
(* Messages of a queue are pulled in order and settled in any order: the   *)
(* progress of a member is below the lowest that it has not settled.       *)
(*                                                                         *)
(* Not modelled: several brokers (each has its queues, and any of them     *)
(* answers for the list), retry (spec/delivery), queues that come and go.  *)
(***************************************************************************)
EXTENDS Integers, FiniteSets

CONSTANTS
  Clients,          \* numbers: the order in which all members lay each other out
  QueueNums,        \* queues 1..QueueNums
  Length,           \* messages 1..Length of each queue
  ChangesMax,       \* joins, leaves and crashes after the start
  RestartsMax,      \* of the broker
  IsRestless,       \* members may act on an answer that was on its way for a while, and tell older progress after newer
  Bug               \* "none", or the name of a seeded bug

VARIABLES
  members,      \* who runs
  heard,        \* whom the broker counts among the members
  view,         \* of each member, the list that it was told last; {}: none yet
  next,         \* of each member and queue, the message that it pulls next; 0: it does not have the queue
  hand,         \* of each member and queue, messages that it pulled and has not settled
  news,         \* of each member and queue, progress on the way to the broker; None: none
  offset,       \* of each queue, the group's offset: messages up to this one are settled
  done,         \* history: pairs <<queue, message>> that were settled by somebody
  changes, restarts

member == <<view, next, hand>>
vars == <<members, heard, view, next, hand, news, offset, done, changes, restarts>>

Queues == 1..QueueNums
None == -1
Least(S) == CHOOSE m \in S : \A k \in S : m <= k
Owned(c) == {q \in Queues : next[c][q] > 0}
Low(c, q) == IF hand[c][q] = {} THEN next[c][q] - 1 ELSE Least(hand[c][q]) - 1

(* Queue after queue to member after member, as all of them lay them out. *)
Rank(list, c) == IF Bug = "OwnOrder" THEN 1 ELSE Cardinality({d \in list : d <= c})
Share(list, c) == IF c \notin list THEN {} ELSE {q \in Queues : (q - 1) % Cardinality(list) = Rank(list, c) - 1}

----------------------------------------------------------------------------

Init ==
  /\ members = {} /\ heard = {}
  /\ view = [c \in Clients |-> {}]
  /\ next = [c \in Clients |-> [q \in Queues |-> 0]]
  /\ hand = [c \in Clients |-> [q \in Queues |-> {}]]
  /\ news = [c \in Clients |-> [q \in Queues |-> None]]
  /\ offset = [q \in Queues |-> 0]
  /\ done = {}
  /\ changes = 0 /\ restarts = 0

Gone(c) ==
  /\ view' = [view EXCEPT ![c] = {}]
  /\ next' = [next EXCEPT ![c] = [q \in Queues |-> 0]]
  /\ hand' = [hand EXCEPT ![c] = [q \in Queues |-> {}]]

(* A member begins. *)
Join(c) ==
  /\ changes < ChangesMax /\ c \notin members /\ c \notin heard
  /\ changes' = changes + 1
  /\ members' = members \cup {c}
  /\ UNCHANGED <<heard, member, news, offset, done, restarts>>

(* A member ends in order: it tells its progress, and what it had pulled beyond comes again. *)
Leave(c) ==
  /\ changes < ChangesMax /\ c \in members /\ members # {c}
  /\ changes' = changes + 1
  /\ members' = members \ {c}
  /\ news' = [news EXCEPT ![c] = [q \in Queues |-> IF q \in Owned(c) THEN Low(c, q) ELSE news[c][q]]]
  /\ Gone(c)
  /\ UNCHANGED <<heard, offset, done, restarts>>

(* A member is gone with all that it had. *)
Crash(c) ==
  /\ changes < ChangesMax /\ c \in members /\ members # {c}
  /\ changes' = changes + 1
  /\ members' = members \ {c}
  /\ Gone(c)
  /\ UNCHANGED <<heard, news, offset, done, restarts>>

(* The broker comes back, and has heard of nobody. *)
Restart ==
  /\ restarts < RestartsMax
  /\ restarts' = restarts + 1
  /\ heard' = {}
  /\ UNCHANGED <<members, member, news, offset, done, changes>>

(* A heartbeat. *)
Beat(c) ==
  /\ c \in members /\ c \notin heard
  /\ heard' = heard \cup {c}
  /\ UNCHANGED <<members, member, news, offset, done, changes, restarts>>

(* The broker finds that a member is gone, or its connection. *)
Forget(c) ==
  /\ c \in heard /\ (c \notin members \/ IsRestless)
  /\ heard' = heard \ {c}
  /\ UNCHANGED <<members, member, news, offset, done, changes, restarts>>

(* A member is told who the members are. A list without itself says that the broker has not heard of it: it keeps what it
   has. *)
SeeMembers(c, list) ==
  /\ c \in members /\ view[c] # list
  /\ list = heard \/ IsRestless
  /\ c \in list \/ Bug = "ListWithoutMe"
  /\ view[c] = {} \/ Bug # "SeesOnce"
  /\ view' = [view EXCEPT ![c] = list]
  /\ UNCHANGED <<members, heard, next, hand, news, offset, done, changes, restarts>>

(* It lets go of a queue that is not its own any more, and tells its progress. *)
Drop(c, q) ==
  /\ c \in members /\ view[c] # {} /\ q \in Owned(c) /\ q \notin Share(view[c], c)
  /\ news' = [news EXCEPT ![c][q] = IF Bug = "DropTellsPulled" THEN next[c][q] - 1 ELSE Low(c, q)]
  /\ next' = [next EXCEPT ![c][q] = 0] /\ hand' = [hand EXCEPT ![c][q] = {}]
  /\ UNCHANGED <<members, heard, view, offset, done, changes, restarts>>

(* It takes a queue that is its own now, and begins where the group is. *)
Take(c, q, at) ==
  /\ c \in members /\ view[c] # {} /\ q \notin Owned(c) /\ q \in Share(view[c], c)
  /\ at = (IF Bug = "BeginsAtEnd" THEN Length ELSE offset[q]) \/ IsRestless
  /\ next' = [next EXCEPT ![c][q] = at + 1]
  /\ UNCHANGED <<members, heard, view, hand, news, offset, done, changes, restarts>>

Pull(c, q) ==
  /\ c \in members /\ next[c][q] \in 1..Length
  /\ hand' = [hand EXCEPT ![c][q] = @ \cup {next[c][q]}]
  /\ next' = [next EXCEPT ![c][q] = @ + 1]
  /\ UNCHANGED <<members, heard, view, news, offset, done, changes, restarts>>

(* The application handled a message, or it was stored again further up. *)
Done(c, q, m) ==
  /\ c \in members /\ m \in hand[c][q]
  /\ hand' = [hand EXCEPT ![c][q] = @ \ {m}]
  /\ done' = done \cup {<<q, m>>}
  /\ news' = IF Bug = "TellsHighest" THEN [news EXCEPT ![c][q] = m] ELSE news
  /\ UNCHANGED <<members, heard, view, next, offset, changes, restarts>>

(* A member tells how far it is. *)
Tell(c, q) ==
  /\ c \in members /\ next[c][q] > 0 /\ Low(c, q) # offset[q] /\ news[c][q] # Low(c, q)
  /\ news' = [news EXCEPT ![c][q] = Low(c, q)]
  /\ UNCHANGED <<members, heard, member, offset, done, changes, restarts>>

(* The broker hears it, and keeps it. *)
CommitOffset(c, q, m) ==
  /\ news[c][q] # None /\ 0 <= m /\ (m = news[c][q] \/ (IsRestless /\ m < news[c][q]))
  /\ offset' = [offset EXCEPT ![q] = m]
  /\ news' = IF IsRestless THEN news ELSE [news EXCEPT ![c][q] = None]
  /\ UNCHANGED <<members, heard, member, done, changes, restarts>>

Next ==
  \/ \E c \in Clients : Join(c)
  \/ \E c \in Clients : Leave(c)
  \/ \E c \in Clients : Crash(c)
  \/ Restart
  \/ \E c \in Clients : Beat(c)
  \/ \E c \in Clients : Forget(c)
  \/ \E c \in Clients : SeeMembers(c, heard)
  \/ \E c \in Clients, q \in Queues : Drop(c, q)
  \/ \E c \in Clients, q \in Queues, at \in 0..Length : Take(c, q, at)
  \/ \E c \in Clients, q \in Queues : Pull(c, q)
  \/ \E c \in Clients, q \in Queues, m \in 1..Length : Done(c, q, m)
  \/ \E c \in Clients, q \in Queues : Tell(c, q)
  \/ \E c \in Clients, q \in Queues, m \in 0..Length : CommitOffset(c, q, m)

Fairness ==
  /\ \A c \in Clients : WF_vars(Beat(c)) /\ WF_vars(Forget(c)) /\ WF_vars(SeeMembers(c, heard))
  /\ \A c \in Clients, q \in Queues :
       /\ WF_vars(Drop(c, q)) /\ WF_vars(\E at \in 0..Length : Take(c, q, at))
       /\ WF_vars(Pull(c, q)) /\ WF_vars(\E m \in 1..Length : Done(c, q, m))

Spec == Init /\ [][Next]_vars /\ Fairness

----------------------------------------------------------------------------
(* Invariants, each with the promise that it is part of. *)

TypeOK ==
  /\ members \subseteq Clients /\ heard \subseteq Clients
  /\ \A c \in Clients : /\ view[c] \subseteq Clients
                        /\ \A q \in Queues : /\ next[c][q] \in 0..(Length + 1) /\ hand[c][q] \subseteq 1..Length
                                             /\ news[c][q] \in -1..Length
  /\ \A q \in Queues : offset[q] \in 0..Length

(* P3, P8: below the group's offset everything was handled, and so it is below what is on its way to it, and below where a
   member is. *)
NoLoss ==
  \A q \in Queues : /\ \A m \in 1..offset[q] : <<q, m>> \in done
                    /\ \A c \in Clients : \A m \in 1..news[c][q] : <<q, m>> \in done
                    /\ \A c \in members : \A m \in 1..Low(c, q) : <<q, m>> \in done

IsBalanced(c) == view[c] # {} /\ Owned(c) = Share(view[c], c)

(* P3: members with the same list have no queue in common, and together all of them. *)
Agreement ==
  \A list \in SUBSET members :
    LET same == {c \in members : view[c] = list /\ IsBalanced(c)}
    IN /\ \A c, d \in same : c # d => Owned(c) \cap Owned(d) = {}
       /\ (list # {} /\ same = list) => UNION {Owned(c) : c \in same} = Queues

(* P3: a member that runs on lets its last queue go for another one only (there are as many as members), whatever its
   broker has forgotten. *)
NotForNothing ==
  [][\A c \in members \cap members' : (Owned(c) # {} /\ Owned(c)' = {}) => Share(view[c], c) # {}]_vars

(* P3: when members neither come nor go any more, each queue has one owner, and everything is handled. *)
Settles ==
  (changes = ChangesMax /\ restarts = RestartsMax) ~>
    /\ \A q \in Queues : Cardinality({c \in members : q \in Owned(c)}) = 1 \/ members = {}
    /\ \A q \in Queues, m \in 1..Length : <<q, m>> \in done \/ members = {}

=============================================================================
