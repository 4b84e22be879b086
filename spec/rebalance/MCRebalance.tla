--------------------------- MODULE MCRebalance ---------------------------
(* The models of Rebalance: MCRebalance.cfg and MCRebalanceLive.cfg for every test run, MCRebalanceLarge.cfg by hand. *)
EXTENDS Rebalance, TLC
=============================================================================
