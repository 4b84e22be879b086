--------------------------- MODULE MCRebalance ---------------------------
(* The models of Rebalance: MCRebalance.cfg and MCRebalanceLive.cfg for every test run, MCRebalanceLarge.cfg by hand. *)
EXTENDS Rebalance, TLC

CONSTANT TroublesMax

(* Two members join, and one thing more happens. *)
Few == changes + restarts <= TroublesMax
=============================================================================
