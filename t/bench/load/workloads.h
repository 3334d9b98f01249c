// The workloads: each runs against a server that is there and prints one line of JSON for each figure.
// A new one: a function here, its file, its row in main.cc.
#pragma once

#include "t/bench/load/options.h"

namespace waxwing::bench {

void smtp_ingress(const Options& options);  // ingress.cc: as many messages as are taken
void lmtp_ingress(const Options& options);
void end_to_end(const Options& options);       // arrival.cc: until all copies are seen by IMAP
void visible_by_noop(const Options& options);  // one message at a time, from the final dot to EXISTS
void visible_by_idle(const Options& options);
void fill_mailboxes(const Options& options);  // mailbox_mix.cc: count messages by APPEND for each of users
void mailbox_mix(const Options& options);     // what mail clients do all day
void logins(const Options& options);          // access.cc: a new connection, LOGIN, LOGOUT
void one_command(const Options& options);     // one IMAP command again and again
void pop_retrieval(const Options& options);   // RETR of every message
void store_fill(const Options& options);  // store_fill.cc: count messages for one user, by the store library

void queue_tree(const Options& options);  // queue_tree.cc: count files into the queue below root
void schedule_cost(
    const Options& options);             // job_controller's schedule, without it: cost and memory a message
void rewriting(const Options& options);  // rewriting.cc: addresses a second on one core, cache warm

}  // namespace waxwing::bench
