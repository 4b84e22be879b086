------------------------------ MODULE Ordered ------------------------------
(***************************************************************************)
(* Ordered consumption of one queue by the members of one group: which of  *)
(* them may start a message, and whose progress counts (P5, P8).           *)
(*                                                                         *)
(* The broker lends the queue's lock for BrokerLease; each acquisition is  *)
(* a new grant. A member believes in its lock for ClientLease, counted     *)
(* from its asking, starts one message after another while it believes,    *)
(* and tells the broker its progress. Nobody can stop a member that sleeps *)
(* with a message in its hand: it ends what it began, and its news may     *)
(* arrive at any later time. What the broker does with late news is its    *)
(* fence:                                                                  *)
(*                                                                         *)
(*   "grant"   news of the last grant only, and forward: members that      *)
(*             name their grant, as Gantry's own do                        *)
(*   "holder"  news of the last grant's member only, and forward: all      *)
(*             others, whose protocol has no grants                        *)
(*   "owner"   news of the last grant's member, wherever it points         *)
(*   "none"    all news                                                    *)
(*                                                                         *)
(* The broker remembers the last grant for a while after its end, and      *)
(* longer that the queue is consumed in order: this survives its restart,  *)
(* locks and grants do not. Then progress still only goes forward.         *)
(*                                                                         *)
(* Time is what is left of each lease: a Tick takes from all of them, and  *)
(* a member that is paused is one that does nothing between two ticks.     *)
(*                                                                         *)
(* Not modelled: the count of attempts and dead letters (spec/delivery),   *)
(* more queues (they share nothing), an administrator who moves the        *)
(* offset, and news of one member that overtake each other.                *)
(***************************************************************************)
EXTENDS Naturals

CONSTANTS
  Clients,
  First,            \* whose the queue is at first
  Length,           \* messages 1..Length lie in the queue
  BrokerLease, ClientLease,
  Memory,           \* how long the broker remembers a grant after its end
  Fence,            \* "grant", "holder", "owner" or "none"
  IsRestless,       \* members may begin anew and let go at any time, and tell older progress after newer
  IsFresh,          \* a new grant begins where the group is; FALSE: the member goes on where it was before
  RebalancesMax, CrashesMax, RestartsMax, GrantsMax,
  Bug               \* "none", or the name of a seeded bug

VARIABLES
  owner,        \* who was granted the lock last, or Nobody
  left,         \* what is left of its lease; 0: over, or given back
  memory,       \* how long the broker still remembers whose the last grant was
  grant,        \* number of the last grant
  quiet,        \* how long the broker still grants nothing after its restart
  isOrdered,    \* the broker knows that the queue is consumed in order
  offset,       \* the group's offset: messages up to this one are settled
  assigned,     \* whose the queue is by the last rebalance
  sees,         \* of each member, whether it takes the queue for its own
  answer,       \* of each member, what is left of a lease that it has not heard of yet; 0: no answer is on its way
  belief,       \* of each member, how long it still believes in its lock
  under,        \* of each member, the grant that it works under
  next,         \* of each member, the message that it starts next; 0: it has yet to ask how far the group is
  hand,         \* of each member, the message that it is at work on; 0: none
  handUnder,    \* and the grant that it was started under
  news,         \* of each member, its progress on the way to the broker; 0: none
  newsUnder,    \* and the grant that it belongs to
  dead,         \* members that crashed
  started, settled,         \* history: the highest message that was ever started; those that were handled
  early, overtaken, stale,  \* history of what must not be: see below
  rebalances, crashes, restarts

broker == <<owner, left, memory, grant, quiet, isOrdered>>
members == <<answer, belief, under, next, hand, handUnder>>
mail == <<news, newsUnder>>
history == <<started, settled, early, overtaken, stale>>
counts == <<rebalances, crashes, restarts>>
vars == <<broker, offset, assigned, sees, members, mail, dead, history, counts>>

Nobody == "nobody"
Less(a, n) == IF a > n THEN a - n ELSE 0
Live == Clients \ dead

----------------------------------------------------------------------------

Init ==
  /\ owner = Nobody /\ left = 0 /\ memory = 0 /\ grant = 0 /\ quiet = 0 /\ isOrdered = FALSE
  /\ offset = 0
  /\ assigned = First
  /\ sees = [c \in Clients |-> FALSE]
  /\ answer = [c \in Clients |-> 0] /\ belief = [c \in Clients |-> 0] /\ under = [c \in Clients |-> 0]
  /\ next = [c \in Clients |-> 0] /\ hand = [c \in Clients |-> 0] /\ handUnder = [c \in Clients |-> 0]
  /\ news = [c \in Clients |-> 0] /\ newsUnder = [c \in Clients |-> 0]
  /\ dead = {}
  /\ started = 0 /\ settled = {}
  /\ early = FALSE /\ overtaken = FALSE /\ stale = FALSE
  /\ rebalances = 0 /\ crashes = 0 /\ restarts = 0

(* Time passes. *)
Tick(n) ==
  /\ IsRestless \/ left > 0 \/ memory > 0 \/ quiet > 0 \/ \E c \in Clients : belief[c] > 0 \/ answer[c] > 0
  /\ left' = (IF Bug = "LeaseNeverEnds" THEN left ELSE Less(left, n)) /\ memory' = Less(memory, n) /\ quiet' = Less(quiet, n)
  /\ answer' = [c \in Clients |-> IF Bug = "LeaseFromAnswer" THEN answer[c] ELSE Less(answer[c], n)]
  /\ belief' = [c \in Clients |-> Less(belief[c], n)]
  /\ UNCHANGED <<owner, grant, isOrdered, offset, assigned, sees, under, next, hand, handUnder, mail, dead, history,
                 counts>>

(* The group's members change, and with them whose the queue is. *)
Rebalance(c) ==
  /\ rebalances < RebalancesMax /\ c \in Live /\ c # assigned
  /\ rebalances' = rebalances + 1
  /\ assigned' = c
  /\ UNCHANGED <<broker, offset, sees, members, mail, dead, history, crashes, restarts>>

(* A member learns whether the queue is its own. *)
See(c) ==
  /\ c \in Live /\ sees[c] # (assigned = c)
  /\ sees' = [sees EXCEPT ![c] = ~@]
  /\ UNCHANGED <<broker, offset, assigned, members, mail, dead, history, counts>>

(* The broker gives the lock to who asks, or renews it. *)
Lock(c) ==
  /\ c \in Live /\ (sees[c] \/ IsRestless) /\ quiet = 0
  /\ LET isRenewal == owner = c /\ left > 0
         isFree == left = 0
     IN /\ isRenewal \/ (isFree /\ grant < GrantsMax)
        /\ owner' = c /\ left' = BrokerLease /\ memory' = BrokerLease + Memory /\ isOrdered' = TRUE
        /\ grant' = IF isRenewal THEN grant ELSE grant + 1
        /\ answer' = [answer EXCEPT ![c] = ClientLease]
  /\ UNCHANGED <<quiet, offset, assigned, sees, belief, under, next, hand, handUnder, mail, dead, history, counts>>

(* The answer arrives, and the member believes in its lock for n. After a time without belief somebody else may have
   worked on the queue: then it begins anew. *)
Learn(c, n) ==
  /\ c \in Live /\ answer[c] > 0 /\ n <= answer[c] /\ n > 0
  /\ answer' = [answer EXCEPT ![c] = 0]
  /\ belief' = [belief EXCEPT ![c] = n]
  /\ under' = [under EXCEPT ![c] = grant]
  /\ next' = IF under[c] = grant \/ (~IsFresh /\ next[c] > 0) THEN next ELSE [next EXCEPT ![c] = 0]
  /\ UNCHANGED <<broker, offset, assigned, sees, hand, handUnder, mail, dead, history, counts>>

(* It asks how far the group is, and begins there; what it still has in its hand does not count any more. *)
Enter(c) ==
  /\ c \in Live /\ belief[c] > 0 /\ (next[c] = 0 \/ IsRestless)
  /\ next' = [next EXCEPT ![c] = IF Bug = "BeginsAtEnd" THEN Length ELSE offset + 1]
  /\ handUnder' = [handUnder EXCEPT ![c] = 0]
  /\ UNCHANGED <<broker, offset, assigned, sees, answer, belief, under, hand, mail, dead, history, counts>>

(* The application starts a message. *)
Start(c, m) ==
  /\ c \in Live /\ sees[c] /\ hand[c] = 0
  /\ belief[c] > 0 \/ Bug = "StartsWithoutLock"
  /\ m <= Length /\ m = next[c]
  /\ hand' = [hand EXCEPT ![c] = m] /\ handUnder' = [handUnder EXCEPT ![c] = under[c]]
  /\ IF Bug = "ToldTooEarly"
     THEN news' = [news EXCEPT ![c] = m] /\ newsUnder' = [newsUnder EXCEPT ![c] = under[c]]
     ELSE UNCHANGED mail
  /\ started' = IF m > started THEN m ELSE started
  /\ early' = (early \/ \E k \in 1..(m - 1) : k \notin settled)
  /\ overtaken' = (overtaken \/ \E d \in Live \ {c} : hand[d] > 0 /\ belief[d] > 0)
  /\ UNCHANGED <<broker, offset, assigned, sees, answer, belief, under, next, dead, settled, stale, counts>>

(* The application handled it, or it was given away after its last attempt: the member tells its progress. Of what it
   began before its last grant it tells nothing any more, if it can tell grants apart. *)
Finish(c) ==
  /\ c \in Live /\ hand[c] > 0
  /\ hand' = [hand EXCEPT ![c] = 0]
  /\ settled' = settled \cup {hand[c]}
  /\ LET isItsOwn == handUnder[c] = under[c] \/ ~IsFresh IN
     /\ next' = IF isItsOwn THEN [next EXCEPT ![c] = hand[c] + 1] ELSE next
     /\ news' = IF isItsOwn \/ Fence # "grant" THEN [news EXCEPT ![c] = hand[c]] ELSE news
     /\ newsUnder' = IF isItsOwn \/ Fence # "grant" THEN [newsUnder EXCEPT ![c] = handUnder[c]] ELSE newsUnder
  /\ UNCHANGED <<broker, offset, assigned, sees, answer, belief, under, handUnder, dead, started, early, overtaken,
                 stale, counts>>

(* The application failed: the message is started again later, and those behind it wait. *)
Fail(c) ==
  /\ c \in Live /\ hand[c] > 0
  /\ hand' = [hand EXCEPT ![c] = 0]
  /\ next' = IF Bug = "SkipsFailed" THEN [next EXCEPT ![c] = hand[c] + 1] ELSE next
  /\ UNCHANGED <<broker, offset, assigned, sees, answer, belief, under, handUnder, mail, dead, history, counts>>

IsTaken(c, m) ==
  LET isForward == m > offset
      isKnown == memory > 0
  IN CASE Fence = "grant" -> IF isKnown THEN newsUnder[c] = grant /\ isForward ELSE isForward \/ ~isOrdered
       [] Fence = "holder" -> IF isKnown THEN owner = c /\ isForward
                              ELSE isForward \/ ~isOrdered \/ Bug = "OrderForgotten"
       [] Fence = "owner" -> isKnown => owner = c
       [] OTHER -> TRUE

(* The broker hears of a member's progress, the newest or one before it, and takes it or refuses it. *)
Commit(c, m, isTaken) ==
  /\ news[c] > 0 /\ 0 < m /\ (m = news[c] \/ (IsRestless /\ m < news[c]))
  /\ isTaken = IsTaken(c, m)
  /\ offset' = IF isTaken THEN m ELSE offset
  /\ stale' = (stale \/ (isTaken /\ memory > 0 /\ newsUnder[c] # grant))
  /\ IF m = news[c]
     THEN news' = [news EXCEPT ![c] = 0] /\ newsUnder' = [newsUnder EXCEPT ![c] = 0]
     ELSE UNCHANGED mail
  /\ UNCHANGED <<broker, assigned, sees, members, dead, started, settled, early, overtaken, counts>>

(* A member lets go of the queue: it is another's, and the member has nothing of it in its hand. *)
Unlock(c) ==
  /\ c \in Live
  /\ IsRestless \/ (~sees[c] /\ under[c] > 0 /\ (hand[c] = 0 \/ Bug = "UnlocksInWork"))
  /\ under' = [under EXCEPT ![c] = 0] /\ handUnder' = [handUnder EXCEPT ![c] = 0] /\ next' = [next EXCEPT ![c] = 0]
  /\ answer' = [answer EXCEPT ![c] = 0]
  /\ belief' = IF Bug = "UnlocksInWork" THEN belief ELSE [belief EXCEPT ![c] = 0]
  /\ UNCHANGED <<broker, offset, assigned, sees, hand, mail, dead, history, counts>>

(* The broker hears of it; if it does not, the lease runs out. *)
Release(c) ==
  /\ owner = c /\ left > 0 /\ under[c] = 0 /\ answer[c] = 0 /\ c \in Live
  /\ left' = 0 /\ memory' = Memory
  /\ UNCHANGED <<owner, grant, quiet, isOrdered, offset, assigned, sees, members, mail, dead, history, counts>>

(* A member is gone; what it had sent may still arrive. *)
Crash(c) ==
  /\ crashes < CrashesMax /\ Live # {c} /\ c \in Live
  /\ crashes' = crashes + 1
  /\ dead' = dead \cup {c}
  /\ sees' = [sees EXCEPT ![c] = FALSE]
  /\ answer' = [answer EXCEPT ![c] = 0] /\ belief' = [belief EXCEPT ![c] = 0] /\ under' = [under EXCEPT ![c] = 0]
  /\ next' = [next EXCEPT ![c] = 0] /\ hand' = [hand EXCEPT ![c] = 0] /\ handUnder' = [handUnder EXCEPT ![c] = 0]
  /\ assigned' = IF assigned = c THEN CHOOSE d \in Live \ {c} : TRUE ELSE assigned
  /\ UNCHANGED <<broker, offset, mail, history, rebalances, restarts>>

(* The broker forgets its locks, and grants nothing for one lease: what it granted before may be believed in. *)
Restart ==
  /\ restarts < RestartsMax
  /\ restarts' = restarts + 1
  /\ owner' = Nobody /\ left' = 0 /\ memory' = 0
  /\ quiet' = IF Bug = "GrantsAtOnce" THEN 0 ELSE BrokerLease
  /\ UNCHANGED <<grant, isOrdered, offset, assigned, sees, members, mail, dead, history, rebalances, crashes>>

Next ==
  \/ Tick(1)
  \/ \E c \in Clients : Rebalance(c)
  \/ \E c \in Clients : See(c)
  \/ \E c \in Clients : Lock(c)
  \/ \E c \in Clients : Learn(c, answer[c])
  \/ \E c \in Clients : Enter(c)
  \/ \E c \in Clients, m \in 1..Length : Start(c, m)
  \/ \E c \in Clients : Finish(c)
  \/ \E c \in Clients : Fail(c)
  \/ \E c \in Clients, m \in 1..Length, isTaken \in BOOLEAN : Commit(c, m, isTaken)
  \/ \E c \in Clients : Unlock(c)
  \/ \E c \in Clients : Release(c)
  \/ \E c \in Clients : Crash(c)
  \/ Restart

Fairness == WF_vars(Tick(1))

Spec == Init /\ [][Next]_vars /\ Fairness

----------------------------------------------------------------------------
(* Invariants, each with the promise that it is part of. *)

Holder == IF left > 0 THEN owner ELSE Nobody

TypeOK ==
  /\ owner \in Clients \cup {Nobody} /\ left \in 0..BrokerLease /\ memory \in 0..(BrokerLease + Memory)
  /\ grant \in 0..GrantsMax /\ quiet \in 0..BrokerLease /\ isOrdered \in BOOLEAN
  /\ offset \in 0..Length /\ assigned \in Clients /\ sees \in [Clients -> BOOLEAN]
  /\ \A c \in Clients : /\ answer[c] \in 0..ClientLease /\ belief[c] \in 0..ClientLease
                        /\ under[c] \in 0..GrantsMax /\ handUnder[c] \in 0..GrantsMax
                        /\ hand[c] \in 0..Length /\ news[c] \in 0..Length
  /\ started \in 0..Length /\ settled \subseteq 1..Length

(* P5: a message is started when all before it were settled, by whomever. *)
InOrder == ~early

(* P5: at most one member believes that it may start a message. *)
OneStarter == \A c, d \in Live : c # d => belief[c] = 0 \/ belief[d] = 0

(* P5: nobody starts a message while another one, who rightly believes in its lock, is at work on one. *)
NotOvertaken == ~overtaken

(* P5: while the broker knows the last grant, news of an earlier one move nothing. *)
ByGrant == ~stale

(* P8: below the group's offset everything was handled. *)
Covered == \A m \in 1..offset : m \in settled

(* P5, P8: the offset never goes back. *)
Forward == [][offset' >= offset]_vars

(* A member that crashed does not keep the queue. *)
Freed == \A c \in Clients : (Holder = c /\ c \in dead) ~> (Holder # c)

=============================================================================
