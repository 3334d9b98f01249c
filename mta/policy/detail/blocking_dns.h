// DNS for callers that are on a worker and may block. The resolver lives on a loop with a thread of its own.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "common/net/dns.h"

namespace waxwing::mta {

// Thread-safe. Nothing: no answer within five seconds, or as many callers wait as may; name servers that do not
// answer must not keep all workers of a daemon.
class BlockingDns {
 public:
  // server: as Resolver has it. most_waiting: callers at a time.
  BlockingDns(std::string server, int most_waiting);
  ~BlockingDns();

  std::optional<DnsAnswer> query(const std::string& name, int rr_type);
  std::optional<Resolver::Addresses> addresses(const std::string& name);
  std::optional<Resolver::MxList> mx(const std::string& domain);
  std::optional<std::vector<std::string>> names_of(const std::string& address);

 private:
  template <class T>
  std::optional<T> wait(std::function<void(std::shared_ptr<std::promise<T>>)> begin);
  EventLoop* loop_ = nullptr;
  Resolver* resolver_ = nullptr;
  std::atomic<int> free_;
  std::thread thread_;
};

}  // namespace waxwing::mta
