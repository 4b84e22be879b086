---------------------------- MODULE StoreTrace ----------------------------
(***************************************************************************)
(* What the trace events of a store mean (spec/README.md), so that a       *)
(* recorded run can be held against the spec. spec/store/trace.ts turns    *)
(* byte offsets into numbers of records: `n` records lie below an end, `i` *)
(* is the place of one record.                                             *)
(*                                                                         *)
(* A Crash and a failed sync carry what the next Recover found, `n` its    *)
(* cut and `mark` its mark: that tells the one outcome from all that could *)
(* have been. A report of an end that does not move is no step.            *)
(***************************************************************************)
EXTENDS Store

(* Of all outcomes of a crash the one that a scan ends at n: up to there what was written is kept, behind it all that
   could be torn is. *)
CutAt(n) == [i \in Slots |-> IF i \notin Changed THEN disk[i] ELSE IF i <= n THEN page[i] ELSE 0]

Same == UNCHANGED vars

Matches(e) ==
  CASE e.action = "Append" -> Append
    [] e.action = "Write" -> IF e.n = written THEN Same ELSE Write(e.n)
    [] e.action = "Fsync" -> IF e.n = synced THEN Same ELSE Fsync(e.n)
    [] e.action = "FsyncFails" -> e.synced = synced /\ FsyncFailsTo(CutAt(e.n))
    [] e.action = "Mark" -> IF e.n = mark THEN Same ELSE Mark(e.n)
    [] e.action = "Ack" -> Ack(e.i)
    [] e.action = "Dispatch" -> IF e.n = dispatched THEN Same ELSE Dispatch(e.n)
    [] e.action = "FlushQueue" -> IF e.n = queueSynced THEN Same ELSE FlushQueue(e.n)
    [] e.action = "Checkpoint" -> IF e.n = checkpoint THEN Same ELSE Checkpoint(e.n)
    [] e.action = "Crash" -> CrashTo(e.power, CutAt(e.n), queueDisk)
    [] e.action = "Rot" -> Rot(e.i)
    [] e.action = "Recover" -> /\ e.mark = mark
                               /\ Recover
                               /\ IF e.refused THEN phase' = "refused"
                                  ELSE phase' = "recovering" /\ Len(log') = e.n
    [] e.action = "Reopen" -> e.n = Len(log) /\ Reopen

(* Before a crash a write may have ended that the process did not live to report, and the mark may have moved: at the
   start and at the end of a life it is written without an event of its own. *)
Between(e) ==
  /\ e.action = "Crash"
  /\ \/ written < e.n /\ Write(e.n)
     \/ mark < e.mark /\ Mark(e.mark)
=============================================================================
