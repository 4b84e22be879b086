------------------------------- MODULE Store -------------------------------
(***************************************************************************)
(* The write path of one store and its recovery: how a record becomes     *)
(* durable, then answered, then visible, and what a crash may do to it.    *)
(*                                                                         *)
(* A store is one file of equal slots, one record each (a CommitLog), one  *)
(* file of queue entries in log order (all consume queues together), the   *)
(* durable mark and the checkpoint. A slot holds the number of a record,   *)
(* or 0: whatever the record check refuses (zeros, a torn record, rot).    *)
(* A record knows its own offset, so an OLD record in the right slot       *)
(* passes the check: that is why the tail is truncated after recovery.     *)
(*                                                                         *)
(* The file exists twice: `page` is the page cache, which survives the end *)
(* of the process, `disk` is what survives a power cut. Slots in `dirty`   *)
(* will be written back by the next sync; at a power cut each of them      *)
(* independently is new, old or torn. A failed sync does the same and then *)
(* calls the slots clean, as Linux does: a later sync "succeeds" without   *)
(* them. Rot only strikes below the durable mark: above it nobody can tell *)
(* rot from a torn write, and promise P1 does not reach there.             *)
(*                                                                         *)
(* Not modelled: a write cut short by the end of the process (it is a      *)
(* Write of fewer records), several files, the index, and ASYNC_FLUSH,     *)
(* which answers what is only written, and says so.                        *)
(***************************************************************************)
EXTENDS Naturals, FiniteSets

(* Not extended: its Append would hide the action. *)
Sequence == INSTANCE Sequences
Len(s) == Sequence!Len(s)
SubSeq(s, m, n) == Sequence!SubSeq(s, m, n)

CONSTANTS
  Capacity,    \* slots of the file
  RecordsMax,  \* appends in a behaviour; records are numbered in append order
  CrashesMax,
  RotMax,      \* slots that rot in a behaviour
  Bug          \* "none", or the name of a seeded bug

VARIABLES
  phase,       \* "running", "poisoned" (a sync failed), "down", "recovering", "refused"
  log,         \* the appended state: the records of this life, recovered ones first
  written,     \* how many of `log` are in the page cache
  synced,      \* how many of `log` the process knows to be durable: the durable state
  page, dirty, disk,
  mark,        \* the durable mark: so many records are known to have been synced
  queue,       \* the queue file in the page cache: entry i names the record in slot i, 0 is no entry
  queueDisk,   \* what of it survives a power cut
  dispatched,  \* how many of `log` are in the queue and visible to readers
  queueSynced, \* how many queue entries the process knows to be durable
  checkpoint,  \* the checkpoint file: recovery rebuilds the queue from here on
  acked,       \* history: records answered as durable
  seen,        \* history: records that a reader may have seen
  rotten,      \* history: records destroyed by rot
  before,      \* while down or recovering: `log` as it was at the crash
  appended,    \* history: number of the last record
  crashes

process == <<log, written, synced, dispatched, queueSynced>>
file == <<page, dirty, disk>>
queues == <<queue, queueDisk>>
sidecars == <<mark, checkpoint>>
history == <<acked, seen, rotten, before, appended, crashes>>
vars == <<phase, log, written, synced, page, dirty, disk, mark, queue, queueDisk, dispatched, queueSynced,
          checkpoint, acked, seen, rotten, before, appended, crashes>>

Slots == 1..Capacity
Empty == [i \in Slots |-> 0]
Least(a, b) == IF a < b THEN a ELSE b
IsPrefix(a, b) == Len(a) <= Len(b) /\ a = SubSeq(b, 1, Len(a))
RecordsOf(records, n) == {records[i] : i \in 1..n}

(* What a power cut or a failed sync may leave: each slot that was to be written back is new, old, or torn, which is a
   mix of old and new sectors. A mix of equal bytes is no tear, so only slots in `Changed` matter: recovery writes the
   tail again over answered records, and may, as long as it writes equal bytes and never zeros in between. *)
Changed == {i \in dirty : disk[i] # page[i] \/ (Bug = "TailZeroedFirst" /\ phase = "recovering")}
After(kept, torn) ==
  [i \in Slots |-> IF i \in kept THEN page[i] ELSE IF i \in torn THEN 0 ELSE disk[i]]
Outcomes == UNION {{After(kept, torn) : torn \in SUBSET (Changed \ kept)} : kept \in SUBSET Changed}

(* The same for the queue file, whose entries are never torn: they are rebuilt from the checkpoint on anyway. *)
QueueOutcomes == {[i \in Slots |-> IF i \in kept THEN queue[i] ELSE queueDisk[i]] : kept \in SUBSET Slots}

(* How many records recovery reads from `f` before the first slot that the record check refuses. *)
Scan(f) == IF \A i \in Slots : f[i] # 0 THEN Capacity
           ELSE (CHOOSE i \in Slots : f[i] = 0 /\ \A j \in 1..(i - 1) : f[j] # 0) - 1

----------------------------------------------------------------------------

(* A new store is one that recovers nothing. *)
Init ==
  /\ phase = "down"
  /\ log = <<>> /\ before = <<>>
  /\ written = 0 /\ synced = 0 /\ dispatched = 0 /\ queueSynced = 0
  /\ page = Empty /\ disk = Empty /\ dirty = {}
  /\ queue = Empty /\ queueDisk = Empty
  /\ mark = 0 /\ checkpoint = 0
  /\ acked = {} /\ seen = {} /\ rotten = {}
  /\ appended = 0 /\ crashes = 0

(* A put: the record is in the write buffer, and the puts behind it build on it. *)
Append ==
  /\ phase = "running"
  /\ Len(log) < Capacity /\ appended < RecordsMax
  /\ appended' = appended + 1
  /\ log' = Sequence!Append(log, appended')
  /\ UNCHANGED <<phase, written, synced, dispatched, queueSynced, file, queues, sidecars, acked, seen, rotten, before,
                 crashes>>

(* The first n records of the log are in the file, for the page cache at least. *)
Write(n) ==
  /\ phase = "running"
  /\ written < n /\ n <= Len(log)
  /\ page' = [i \in Slots |-> IF written < i /\ i <= n THEN log[i] ELSE page[i]]
  /\ dirty' = dirty \cup ((written + 1)..n)
  /\ written' = n
  /\ UNCHANGED <<phase, log, synced, dispatched, queueSynced, disk, queues, sidecars, history>>

(* One sync for all of the first n records that were not synced before: group commit. *)
Fsync(n) ==
  /\ phase = "running"
  /\ synced < n /\ n <= written
  /\ disk' = After(dirty \cap (1..n), {})
  /\ dirty' = dirty \ (1..n)
  /\ synced' = n
  /\ UNCHANGED <<phase, log, written, dispatched, queueSynced, page, queues, sidecars, history>>

(* A sync failed, or a write for another reason than a full disk. Nothing is known of the writes since the last good
   sync, and nothing will be answered any more. *)
FsyncFailsTo(f) ==
  /\ phase \in {"running", "recovering"}
  /\ disk' = f
  /\ dirty' = {}
  /\ phase' = IF Bug = "FsyncRetried" THEN phase ELSE "poisoned"
  /\ UNCHANGED <<process, page, queues, sidecars, history>>

FsyncFails == \E f \in Outcomes : FsyncFailsTo(f)

(* The durable mark follows the syncs, in a file of its own that is synced too. A poisoned store may still save what
   it knows to be good: what was under way ends. *)
Mark(n) ==
  /\ phase \in {"running", "poisoned"}
  /\ mark < n /\ n <= (IF Bug = "MarkAhead" THEN written ELSE synced)
  /\ mark' = n
  /\ UNCHANGED <<phase, process, file, queues, checkpoint, history>>

(* The put of record i is answered: durable, then true, then visible. *)
Ack(i) ==
  /\ phase = "running"
  /\ i <= Len(log) /\ i <= (IF Bug = "AckEarly" THEN written ELSE synced)
  /\ Bug = "LastOfBatchOnly" => i = synced
  /\ log[i] \notin acked
  /\ acked' = acked \cup {log[i]}
  /\ UNCHANGED <<phase, process, file, queues, sidecars, seen, rotten, before, appended, crashes>>

(* The first n records are in the queue, and readers see them. *)
Dispatch(n) ==
  /\ phase = "running"
  /\ dispatched < n /\ n <= (IF Bug = "DispatchUnflushed" THEN Len(log) ELSE synced)
  /\ queue' = [i \in Slots |-> IF dispatched < i /\ i <= n THEN log[i] ELSE queue[i]]
  /\ dispatched' = n
  /\ seen' = seen \cup RecordsOf(log, n)
  /\ UNCHANGED <<phase, log, written, synced, queueSynced, file, queueDisk, sidecars, acked, rotten, before, appended,
                 crashes>>

(* The first n entries of the queue are synced. *)
FlushQueue(n) ==
  /\ phase \in {"running", "poisoned"}
  /\ queueSynced < n /\ n <= dispatched
  /\ queueDisk' = [i \in Slots |-> IF i <= n THEN queue[i] ELSE queueDisk[i]]
  /\ queueSynced' = n
  /\ UNCHANGED <<phase, log, written, synced, dispatched, file, queue, sidecars, history>>

(* The checkpoint goes as far as log and queue are both durable. *)
Checkpoint(n) ==
  /\ phase \in {"running", "poisoned"}
  /\ checkpoint < n /\ n <= (IF Bug = "CheckpointAhead" THEN dispatched ELSE Least(queueSynced, synced))
  /\ checkpoint' = n
  /\ UNCHANGED <<phase, process, file, queues, mark, history>>

(* The process ends, or the power does, also after the process. Without `power` only the memory of the process is gone;
   with it each dirty slot is new, torn or old, and of the queue entries that were not synced any may survive. *)
CrashTo(power, f, q) ==
  /\ phase # "refused"
  /\ crashes < CrashesMax
  /\ crashes' = crashes + 1
  /\ phase' = "down"
  /\ before' = IF phase \in {"down", "recovering"} THEN before ELSE log
  /\ IF power
     THEN disk' = f /\ page' = f /\ dirty' = {} /\ queue' = q /\ queueDisk' = q
     ELSE UNCHANGED <<file, queues>>
  /\ log' = <<>> /\ written' = 0 /\ synced' = 0 /\ dispatched' = 0 /\ queueSynced' = 0
  /\ UNCHANGED <<sidecars, acked, seen, rotten, appended>>

Crash(power) ==
  \E f \in IF power THEN Outcomes ELSE {disk} :
    \E q \in IF power THEN QueueOutcomes ELSE {queueDisk} : CrashTo(power, f, q)

(* A synced record below the mark becomes unreadable while nobody looks. *)
Rot(i) ==
  /\ phase = "down"
  /\ i <= mark /\ disk[i] # 0
  /\ Cardinality(rotten) < RotMax
  /\ rotten' = rotten \cup {disk[i]}
  /\ disk' = [disk EXCEPT ![i] = 0]
  /\ page' = [page EXCEPT ![i] = 0]
  /\ UNCHANGED <<phase, process, dirty, queues, sidecars, acked, seen, before, appended, crashes>>

(* The scan decides. A bad record below the mark is rot: the store refuses to open and says where. The first bad record
   at or above it is a torn tail: the log is cut there, the file truncated and extended. The rest above the mark is
   written again, because a page cache that went through a failed sync may hold what the disk does not. The queue is
   rebuilt from the checkpoint on. *)
Recover ==
  /\ phase = "down"
  /\ LET cut == Scan(page)
     IN IF cut < mark /\ Bug # "CutBelowMark"
        THEN /\ phase' = "refused"
             /\ UNCHANGED <<process, file, queues>>
        ELSE /\ phase' = "recovering"
             /\ log' = SubSeq(page, 1, cut)
             /\ written' = cut
             /\ IF Bug = "NoTruncateAfterRecovery"
                THEN dirty' = dirty \cup ((mark + 1)..cut) /\ page' = page
                ELSE /\ dirty' = dirty \cup (((IF Bug = "PageCacheTrusted" THEN cut ELSE mark) + 1)..Capacity)
                     /\ page' = [i \in Slots |-> IF i <= cut THEN page[i] ELSE 0]
             /\ queue' = [i \in Slots |-> IF i <= checkpoint \/ Bug = "QueueNotRebuilt" THEN queue[i]
                                         ELSE IF i <= cut THEN page[i] ELSE 0]
             /\ UNCHANGED <<synced, dispatched, queueSynced, disk, queueDisk>>
  /\ UNCHANGED <<sidecars, history>>

(* The truncated file is synced, all of the log is durable and visible, the first append may come. *)
Reopen ==
  /\ phase = "recovering" /\ Bug # "NeverReopened"
  /\ phase' = "running"
  /\ IF Bug = "AppendBeforeSync" THEN UNCHANGED <<disk, dirty>>
     ELSE disk' = After(Changed, {}) /\ dirty' = {}
  /\ synced' = Len(log)
  /\ dispatched' = Len(log)
  /\ queueSynced' = checkpoint
  /\ seen' = seen \cup RecordsOf(log, Len(log))
  /\ before' = <<>>
  /\ UNCHANGED <<log, written, page, queues, sidecars, acked, rotten, appended, crashes>>

Next ==
  \/ Append
  \/ \E n \in Slots : Write(n)
  \/ \E n \in Slots : Fsync(n)
  \/ FsyncFails
  \/ \E n \in Slots : Mark(n)
  \/ \E i \in Slots : Ack(i)
  \/ \E n \in Slots : Dispatch(n)
  \/ \E n \in Slots : FlushQueue(n)
  \/ \E n \in Slots : Checkpoint(n)
  \/ \E power \in BOOLEAN : Crash(power)
  \/ \E i \in Slots : Rot(i)
  \/ Recover
  \/ Reopen

(* A store that is up writes, syncs and answers what it has taken, unless it fails; one that is down comes up. *)
Fairness ==
  /\ WF_vars(\E n \in Slots : Write(n))
  /\ WF_vars(\E n \in Slots : Fsync(n))
  /\ WF_vars(\E i \in Slots : Ack(i))
  /\ WF_vars(Recover)
  /\ WF_vars(Reopen)

Spec == Init /\ [][Next]_vars /\ Fairness

----------------------------------------------------------------------------
(* Invariants, each with the promise (design: P1..P12) that it is part of. *)

Contents == [Slots -> 0..RecordsMax]

TypeOK ==
  /\ phase \in {"running", "poisoned", "down", "recovering", "refused"}
  /\ Len(log) <= Capacity /\ Len(before) <= Capacity
  /\ \A i \in 1..Len(log) : log[i] \in 1..appended
  /\ synced <= written /\ written <= Len(log)
  /\ dispatched <= Len(log) /\ queueSynced <= dispatched
  /\ page \in Contents /\ disk \in Contents /\ queue \in Contents /\ queueDisk \in Contents
  /\ dirty \subseteq Slots
  /\ acked \subseteq 1..appended /\ seen \subseteq 1..appended /\ rotten \subseteq 1..appended
  /\ mark \in 0..Capacity /\ checkpoint \in 0..Capacity

OnDisk == {disk[i] : i \in Slots} \ {0}

(* P1: what was answered is on the disk, in every phase; only rot takes it, and then the store does not open. *)
AckedDurable == acked \subseteq OnDisk \cup rotten

(* P1, P3: what a reader saw is on the disk, so that no crash unsays it. *)
DispatchedDurable == seen \subseteq OnDisk \cup rotten

(* P1: a store with rot below its mark does not open: nothing is cut silently, nothing served around the hole. *)
RotRefused == phase \in {"recovering", "running", "poisoned"} => rotten = {}

(* P1: everything below the mark was synced, so that a torn tail is never taken for rot. *)
MarkBehind == \A i \in 1..mark : disk[i] # 0 \/ rotten # {}

(* P2: recovery keeps a prefix of the log as it was, and all of it that was durable; what was once cut stays dead. *)
Prefix == phase = "recovering" => IsPrefix(log, before)

(* P2: no offset is used twice: an opened log never holds a record in front of an older one. *)
Dense == \A i, j \in 1..Len(log) : i < j => log[i] < log[j]

(* P1, P9: recovering again, at once or after a power cut in the middle, finds the same log or, of records that were
   never durable, less; never more, and never a hole below the mark. *)
Idempotent ==
  phase = "recovering" =>
    /\ SubSeq(page, 1, Scan(page)) = log
    /\ \A f \in Outcomes : mark <= Scan(f) /\ IsPrefix(SubSeq(f, 1, Scan(f)), log)

(* P9: the checkpoint is not ahead of what is durable in the log and in the queue. *)
CheckpointBehind == \A i \in 1..checkpoint : queueDisk[i] # 0 /\ (disk[i] = queueDisk[i] \/ queueDisk[i] \in rotten)

(* P9: the queue that readers use is the fold of the log. *)
QueueIsFold == phase = "running" => \A i \in 1..dispatched : queue[i] = log[i]

(* P1, P11: a put is answered, or the store stops; it never hangs. *)
InLog(record) == phase = "running" /\ \E i \in 1..Len(log) : log[i] = record
Answered == \A record \in 1..RecordsMax : InLog(record) ~> (record \in acked \/ phase # "running")

(* P1: a store that is down opens again, or refuses to, or fails for good reason. *)
Returns == phase = "down" ~> phase \in {"running", "refused", "poisoned"}

=============================================================================
