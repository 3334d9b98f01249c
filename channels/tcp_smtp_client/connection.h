// One SMTP connection as a client: opened, greeted, secured, then used for transactions one after another.
//
// Errors of open() and of the transaction (transaction.cc) that mean "this peer, now": temporary. The text
// begins with an RFC 3463 status and can go into a notice.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "channels/master/master.h"
#include "channels/tcp_smtp_client/commands.h"
#include "channels/tcp_smtp_client/settings.h"
#include "common/net/stream.h"
#include "common/net/tls.h"
#include "mta/protocol/reply.h"
#include "mta/transport/route.h"

namespace waxwing::channels::smtp {

class Outgoing;

class Connection {
 public:
  // Without a context STARTTLS is left alone (second try after a failed opportunistic handshake).
  struct Security {
    const TlsClient* context = nullptr;
    TlsPolicy policy = TlsPolicy::never;
  };
  static Task<Result<std::unique_ptr<Connection>>> open(EventLoop& loop, mta::Target target,
                                                        std::shared_ptr<const ClientSettings> settings,
                                                        Security security, Step& step);

  // What became of a transaction. Recipients that were answered have their verdict in Work; for `stale`
  // nothing was answered at all, so the work can go to a fresh connection.
  enum class Outcome { done, stale };
  // One transaction for all pending recipients of the work, in batches the peer can take.
  Task<Outcome> deliver(Work& work, WorkerPool& workers);
  Task<void> quit();

  // A connection that was not made: Y.
  static void record_failure(const ClientSettings& settings, const mta::Target& target,
                             std::string_view diagnostic);

  bool usable() const { return usable_ && !stream_.broken(); }
  const mta::Target& target() const { return target_; }
  const PeerFeatures& features() const { return features_; }
  bool is_tls() const { return stream_.is_tls(); }
  std::int64_t transactions() const { return transactions_; }
  // What the peer said when it ended the connection (421); "" when it did not.
  const std::string& farewell() const { return farewell_; }
  std::int64_t delivered() const { return delivered_; }  // recipients

  Connection(Stream stream, mta::Target target, std::shared_ptr<const ClientSettings> settings,
             Security security);
  ~Connection();
  Connection(const Connection&) = delete;

 private:
  friend class Transaction;
  // records.cc: into mail.log_current, and who we talk to for the records of deliveries
  void record(char action, std::string_view diagnostic = {}) const;
  Work::Wire wire() const;
  Task<Result<>> greet();
  Task<Result<>> hello();
  Task<Result<>> secure();
  // login.cc
  Task<Result<>> authenticate();
  Task<Result<mta::Verdict>> log_in(const ClientSettings::Login* login);
  // domainvrfy, localvrfy: who the peer says it does not know has its verdict, and is taken out.
  Task<Result<>> verify(Work& work, std::vector<std::size_t>& recipients);
  // transaction.cc
  Task<Outcome> serve(Work& work, WorkerPool& workers);
  std::string obstacle(const mta::queue::Envelope& envelope, std::uint64_t size_bytes) const;
  Task<Outcome> transact(Work& work, Outgoing& message, std::vector<std::size_t> recipients);
  void wire(std::string_view direction, std::string_view text) const;
  // For operators, what is waited for; nothing while no delivery has the connection.
  void step(const char* word) {
    if (step_ != nullptr) step_->is(word);
  }
  void say(std::string_view line);  // a command, into the buffer
  Task<Result<mta::Verdict>> ask(std::string line, std::int64_t timeout_ms);
  Task<Result<mta::Verdict>> read_reply(std::int64_t timeout_ms);
  std::string where() const { return target_.name + " [" + target_.address + "]"; }

  Stream stream_;
  mta::Target target_;
  std::shared_ptr<const ClientSettings> settings_;
  Security security_;
  Step* step_ = nullptr;  // of the delivery that has the connection
  PeerFeatures features_;
  const std::string transport_;  // "TCP|ours|port|theirs|port"
  std::string greeting_;
  bool usable_ = true;
  bool authenticated_ = false;
  bool opened_ = false;
  bool hides_ = false;  // what is said now is secret
  std::int64_t transactions_ = 0, delivered_ = 0;
  std::string farewell_;
};

}  // namespace waxwing::channels::smtp
