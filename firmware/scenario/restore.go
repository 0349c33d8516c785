package scenario

import (
	"context"
	"os"

	"abholstation/locker/store"
)

// restore puts an older backup in the place of the store.
func restore(c *city, _ *person) {
	if !c.alive || c.restored || c.rnd.IntN(5) > 0 {
		return
	}
	if _, err := os.Stat(c.backupPath()); err != nil {
		return
	}
	c.restoreBackup()
}

// restoreBackup has the power go and the backup put in place.
func (c *city) restoreBackup() {
	c.damage = func() {
		o := c.storeOptions()
		o.Hook = nil
		opening, err := store.Restore(context.Background(), c.backupPath(), o)
		if err != nil {
			c.violate("store", 0, "a backup can not be restored: %v", err)
			return
		}
		c.undone = opening.Restored
		if opening.SetAside != "" {
			_ = os.Remove(opening.SetAside)
		}
		c.count("backup put in place")
	}
	c.cutSoon("for a restore", true)
}
