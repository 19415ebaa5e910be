"""`Store` on an etcd that the site runs already: the pool's configuration is there, every peer keeps a copy in memory."""
