--------------------------- MODULE MCTransaction ---------------------------
(* The models of Transaction: MCTransaction.cfg, MCTransactionAsync.cfg and MCTransactionLive.cfg for every test run,
   MCTransactionLarge.cfg by hand. *)
EXTENDS Transaction, TLC

CONSTANT LogMax

(* Transactions are alike; only for models without properties of liveness. *)
Alike == Permutations(Msgs)

(* Each crash lets the broker append again: look no further than this. *)
Short == Len(log) <= LogMax
=============================================================================
