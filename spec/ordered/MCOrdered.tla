---------------------------- MODULE MCOrdered ----------------------------
(* The models of Ordered: MCOrdered.cfg (members that name their grant) and MCOrderedWire.cfg (all others) for every
   test run, MCOrderedLarge.cfg by hand. *)
EXTENDS Ordered, TLC

CONSTANT TroublesMax

(* Not everything that can go wrong goes wrong in one run. *)
Few == rebalances + crashes + restarts <= TroublesMax
=============================================================================
