package local

// arguments tune for a small idle cost (few wake-ups, no replication) and for
// short transactions in batches. Durability is untouched: fsync, full pages and
// synchronous commits stay on.
func (s *Server) arguments() []string {
	settings := []string{
		// Only the hub may come in.
		"listen_addresses=", "unix_socket_directories=" + s.run, "unix_socket_permissions=0700", "max_connections=60",
		// Memory of a small machine; parallel plans would cost more than they bring.
		"shared_buffers=128MB", "work_mem=8MB", "effective_cache_size=1GB", "jit=off",
		"max_parallel_workers_per_gather=0", "max_worker_processes=2", "random_page_cost=1.1",
		// Nobody replicates from a private server, so the log can be terse.
		"wal_level=minimal", "max_wal_senders=0", "max_logical_replication_workers=0", "wal_compression=on", "wal_buffers=16MB",
		"max_wal_size=2GB", "min_wal_size=80MB", "checkpoint_timeout=15min", "checkpoint_completion_target=0.9",
		// Sleep when there is nothing to do.
		"bgwriter_delay=1s", "bgwriter_lru_maxpages=1000", "wal_writer_delay=500ms",
		"autovacuum_naptime=30s", "autovacuum_max_workers=2", "autovacuum_vacuum_cost_delay=1ms",
		// Statements may carry what nobody should read in a log.
		"log_min_error_statement=panic", "log_statement=none", "log_checkpoints=off", "log_line_prefix=", "logging_collector=off",
	}
	args := []string{"-D", s.data}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}
