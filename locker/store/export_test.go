package store

import "go.etcd.io/bbolt"

// WithPatches replaces the migrations; each gets the store's documents to
// write to.
func (o Options) WithPatches(n int, each func(version int, put func(name string, value []byte) error) error) Options {
	o.patches = []patch{}
	for i := range n {
		o.patches = append(o.patches, func(t *txn) error {
			return each(i+1, func(name string, value []byte) error { return t.put(bucketDocs, name, value) })
		})
	}
	return o
}

// Raw is the database under a store, for tests that damage it or look at it.
func (s *Store) Raw() *bbolt.DB { return s.db }
