#include "mta/policy/detail/blocking_dns.h"

namespace waxwing::mta {

namespace {

constexpr auto kPatience = std::chrono::seconds(5);

template <class T>
using Promise = std::shared_ptr<std::promise<T>>;

Task<void> run_query(Resolver& resolver, std::string name, int rr_type, Promise<DnsAnswer> done) {
  auto answer = co_await resolver.query(std::move(name), rr_type);
  done->set_value(std::move(answer));
}
Task<void> run_addresses(Resolver& resolver, std::string name, Promise<Resolver::Addresses> done) {
  auto answer = co_await resolver.addresses(std::move(name));
  done->set_value(std::move(answer));
}
Task<void> run_mx(Resolver& resolver, std::string domain, Promise<Resolver::MxList> done) {
  auto answer = co_await resolver.mx(std::move(domain));
  done->set_value(std::move(answer));
}
Task<void> run_names(Resolver& resolver, std::string address, Promise<std::vector<std::string>> done) {
  auto answer = co_await resolver.names_of(std::move(address));
  done->set_value(std::move(answer));
}

// Takes one place of several, and gives it back.
class Place {
 public:
  explicit Place(std::atomic<int>& left) : free_(left), taken_(free_.fetch_sub(1) > 0) {}
  ~Place() { ++free_; }
  bool taken() const { return taken_; }

 private:
  std::atomic<int>& free_;
  bool taken_;
};

}  // namespace

BlockingDns::BlockingDns(std::string server, int most_waiting) : free_(most_waiting) {
  std::promise<void> up;
  thread_ = std::thread([this, name_server = std::move(server), &up] {
    EventLoop loop;
    Resolver::Options options;
    options.server = name_server;
    Resolver resolver(loop, options);
    loop_ = &loop;
    resolver_ = &resolver;
    loop.post([&up] { up.set_value(); });
    loop.run();
  });
  up.get_future().wait();
}

BlockingDns::~BlockingDns() {
  loop_->stop();
  thread_.join();
}

template <class T>
std::optional<T> BlockingDns::wait(std::function<void(Promise<T>)> begin) {
  const Place place(free_);
  if (!place.taken()) return std::nullopt;
  auto done = std::make_shared<std::promise<T>>();
  auto answer = done->get_future();
  loop_->post([done, begin = std::move(begin)] { begin(done); });
  if (answer.wait_for(kPatience) != std::future_status::ready) return std::nullopt;
  return answer.get();
}

std::optional<DnsAnswer> BlockingDns::query(const std::string& name, int rr_type) {
  return wait<DnsAnswer>(
      [=, this](Promise<DnsAnswer> done) { spawn(run_query(*resolver_, name, rr_type, std::move(done))); });
}
std::optional<Resolver::Addresses> BlockingDns::addresses(const std::string& name) {
  return wait<Resolver::Addresses>([=, this](Promise<Resolver::Addresses> done) {
    spawn(run_addresses(*resolver_, name, std::move(done)));
  });
}
std::optional<Resolver::MxList> BlockingDns::mx(const std::string& domain) {
  return wait<Resolver::MxList>(
      [=, this](Promise<Resolver::MxList> done) { spawn(run_mx(*resolver_, domain, std::move(done))); });
}
std::optional<std::vector<std::string>> BlockingDns::names_of(const std::string& address) {
  return wait<std::vector<std::string>>([=, this](Promise<std::vector<std::string>> done) {
    spawn(run_names(*resolver_, address, std::move(done)));
  });
}

}  // namespace waxwing::mta
