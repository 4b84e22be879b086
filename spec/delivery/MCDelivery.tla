---------------------------- MODULE MCDelivery ----------------------------
(* The models of Delivery: MCDelivery.cfg and MCDeliveryLive.cfg for every test run, MCDeliveryLarge.cfg by hand. *)
EXTENDS Delivery, TLC

CONSTANT LogMax

(* Messages are alike; only for models without properties of liveness. *)
Alike == Permutations(Msgs)

(* Each delivery after a crash may append again: look no further than this. *)
Short == Len(log) <= LogMax
=============================================================================
