------------------------------ MODULE MCStore ------------------------------
(* The models of Store: MCStore.cfg for every test run, MCStoreLarge.cfg by hand. *)
EXTENDS Store
=============================================================================
