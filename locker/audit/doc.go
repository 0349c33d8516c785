// Package audit is the tamper-evident log: what an entry looks like, how it is
// hashed, how a tree of them is signed, proved and verified. It is pure: no
// file, no clock, no randomness.
//
// # How data moves through it
//
// An Entry is encoded to a leaf (one line of JSON). Leaves form a Merkle tree
// after RFC 6962. A Checkpoint (C2SP tlog-checkpoint: origin, size, root hash;
// a note signed with Ed25519) says what the tree was at some size. Whoever
// keeps a checkpoint can prove later that an entry was in the log (Proof), that
// a newer log begins with the older one (ProveConsistency), and that nothing
// was rewritten (Verifier).
//
// The personal part of a record is not in the leaf, only SHA-256(nonce ‖
// ciphertext): deleting key, nonce and ciphertext erases it while the tree still
// verifies.
//
// # What it does not do
//
// The signing key lies on the box: a log alone proves only that it is
// consistent in itself. Changes by somebody who has the box are found by
// checkpoints that were kept elsewhere.
package audit
