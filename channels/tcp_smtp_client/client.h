// The channel program: finds the way to a host, opens or reuses connections, delivers.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "channels/tcp_smtp_client/connection.h"
#include "channels/tcp_smtp_client/failed_hosts.h"

namespace waxwing::channels::smtp {

class Client : public Channel {
 public:
  static Result<std::unique_ptr<Channel>> create(MasterContext& context);
  Task<void> deliver(Work& work) override;
  Task<void> end() override;
  unsigned most_at_once() const override {
    return static_cast<unsigned>(settings_->options.max_client_threads);
  }

  Client(EventLoop& loop, WorkerPool& workers, std::shared_ptr<const ClientSettings> settings,
         std::shared_ptr<mta::NameService> names, TlsClient tls, TlsClient verifying,
         std::unique_ptr<Resolver> resolver);

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    std::int64_t since_ms;
  };
  std::unique_ptr<Connection> take_idle(const std::string& host);
  Task<void> give_back(std::string host, std::unique_ptr<Connection> connection);
  // Tries the targets in order; none: the work has been given its verdicts.
  Task<std::unique_ptr<Connection>> connect(Work& work, std::string host);
  Task<std::unique_ptr<Connection>> first_that_answers(Work& work, std::vector<mta::Target> targets);
  // What IP_ACCESS says of a target, whose address it may change; ended: the work has been given its verdicts.
  enum class Permit { connect, pass_over, ended };
  Task<Permit> may_try(Work& work, mta::Target& target, std::size_t index, std::size_t count);
  Task<Result<std::unique_ptr<Connection>>> open(Work& work, mta::Target target, bool require_tls);

  EventLoop& loop_;
  WorkerPool& workers_;
  std::shared_ptr<const ClientSettings> settings_;
  std::unique_ptr<Resolver> resolver_;
  std::shared_ptr<mta::NameService> names_;
  TlsClient tls_, verifying_;  // as channels want it; for messages that demand it themselves
  void sweep();                // closes what has been idle for too long
  std::map<std::string, std::deque<Idle>> idle_;
  FailedHosts failures_;
  std::unique_ptr<EventLoop::Timer> sweeper_;
};

}  // namespace waxwing::channels::smtp
