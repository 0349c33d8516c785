// Package store keeps the station's live state and its audit log in one bbolt
// file, committed together, and notices when the file can not be believed.
//
// # How data moves through it
//
// Open loads the live state into memory. Apply runs Step for every waiting
// event, writes each row whose pointer has changed and each record as an entry
// of the log in ONE transaction, and only then makes the new State visible.
// Checkpoint signs the log's tree head and moves whole blocks of 64 entries from
// the small tail bucket to the log bucket; only there are tree hashes written.
//
// Beside the file PATH stand PATH.pid (the lock, with the process that holds
// it), PATH.head (how far the file has come), PATH.snap-0 and -1 (snapshots of
// the live state), PATH.reserve (space kept free), and what was set aside:
// PATH.corrupt-TIME, PATH.replaced-TIME.
//
// # What is believed
//
// Every row is sealed (XChaCha20-Poly1305 under a subkey, bound to its key), and
// one root row binds them all: the sum of their hashes, the log's length and
// tree hash, a commit counter. A row that was changed, is missing or is older
// than the others does not fit. Before bbolt maps the file, its structure is
// checked by reading it: bbolt 1.5.0 follows page numbers and lengths without
// bounds and walks the tree in a goroutine without recover, so that a damaged
// file would end the process. That check finds all that Tx.Check finds; what
// Tx.Check says beyond it is about stored freelists, and none is stored.
//
// bbolt falls back to the older of its two heads when the newer is damaged, and
// so would forget an acknowledged commit. The head file tells the two cases
// apart: power that went while the head was written (nothing acknowledged is
// missing: the file is used), and damage (something is).
//
// What can not be believed is set aside. The newest snapshot that verifies, else
// nothing, takes its place under a new epoch: an inventory is required, every
// code is suspended, no compartment counts as free.
//
// # Settings, and why
//
// PageSize 4096 (kernels with 16 KiB pages would write four times as much),
// NoFreelistSync (commits stay small in a fragmented file), FreelistArrayType
// (free pages are taken from the front, so that a commit's pages lie together;
// with the map they are scattered over the file, and Apply with 1 000 000 entries
// took 1.3 times as long on a disk as with 100: deploy/figures.sh. The price: with
// 80 000 free pages, right after nearly everything was pruned, a commit takes 2 ms
// more),
// InitialMmapSize = MaxSize (readers never wait for a remapping). NoSync is never
// set. fsync errors are final until the store is opened again.
//
// # What it never does
//
// It moves no lock, decides nothing and knows no hardware. It holds no
// transaction open for a reader but for Backup.
//
// # Caveats
//
//   - Erased values stay in freed pages until those are written again, in backups
//     until they expire, and in the remnants of flash memory. They are sealed,
//     but the key lies on the same box.
//   - The log alone proves only that it is consistent: see package audit.
//   - Whoever deletes the head file and puts an older copy of the file in place
//     is found by checkpoints that were kept elsewhere, not by Open.
//   - A new epoch begins an empty log. The old one is in the file that was set
//     aside, or in the backup: keep it for as long as entries are kept.
//   - Personal parts of records do not survive damage or a restore; rows do.
package store
