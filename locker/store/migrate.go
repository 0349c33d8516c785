package store

import (
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// patch brings a store from one version to the next. It changes rows through
// the transaction it is given.
type patch func(*txn) error

// patches lists them: patches()[0] leads from version 1 to 2. The version of
// this program is one more than there are patches.
func patches() []patch { return []patch{} }

// migrate runs the patches that a store needs, each in a transaction of its
// own together with the new version number.
func migrate(db *bolt.DB, o Options, k keys, id identity) (identity, error) {
	for id.Schema < len(o.patches)+1 {
		next := id
		next.Schema++
		err := db.Update(func(tx *bolt.Tx) error {
			v, err := loadRoot(tx, k)
			if err != nil {
				return err
			}
			t := &txn{tx: tx, keys: k, root: v}
			if err := o.patches[id.Schema-1](t); err != nil {
				return err
			}
			if err := t.putIdentity(next); err != nil {
				return err
			}
			v.Commit++
			return t.putRoot()
		})
		if err != nil {
			return id, fmt.Errorf("cannot bring the store from version %d to %d: %w", id.Schema, next.Schema, err)
		}
		id = next
	}
	return id, nil
}
