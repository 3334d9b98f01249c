#include "channels/tcp_smtp_client/client.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"

namespace waxwing::channels::smtp {

namespace {
// Servers close idle connections after minutes and busy ones after some messages: stay well below both.
constexpr std::int64_t kIdleMs = 20000;
constexpr std::int64_t kTransactionsPerConnection = 100;
constexpr std::size_t kIdlePerHost = 10;

Task<void> say_goodbye(std::unique_ptr<Connection> connection) {
  co_await connection->quit();
}
}  // namespace

Client::Client(EventLoop& loop, WorkerPool& workers, std::shared_ptr<const ClientSettings> settings,
               std::shared_ptr<mta::NameService> names, TlsClient tls, TlsClient verifying,
               std::unique_ptr<Resolver> resolver)
    : loop_(loop),
      workers_(workers),
      settings_(std::move(settings)),
      resolver_(std::move(resolver)),
      names_(std::move(names)),
      tls_(std::move(tls)),
      verifying_(std::move(verifying)) {
  sweeper_ = loop_.every(kIdleMs / 4, [this] { sweep(); });
}

Result<std::unique_ptr<Channel>> Client::create(MasterContext& context) {
  const auto config = context.daemon().config();
  TRY(auto holder, mta::MtaConfigHolder::open(config->root()));
  TRY(auto settings, client_settings(*config, *holder->current(), context.channel()));
  settings.channel = context.channel();
  settings.mta = holder->current();
  for (const auto& note : settings.options.notes)
    log::Event("smtp_client.config.note").with("text", note).notice();
  Resolver::Options dns;
  dns.server = config->text("dns.server");
  if (!settings.name_servers.empty()) dns.server = join(settings.name_servers, " ");
  if (config->is_set("smtp.client.resolver_hosts"))
    dns.hosts_file = config->path("smtp.client.resolver_hosts");
  auto resolver = std::make_unique<Resolver>(context.loop(), dns);
  TRY(auto tls, TlsClient::create({.identity = settings.certificate}));
  TRY(auto verifying,
      TlsClient::create({.verify = true, .ca_file = settings.ca_file, .identity = settings.certificate}));
  auto names = std::make_shared<mta::DnsNameService>(*resolver);
  return std::make_unique<Client>(
      context.loop(), context.workers(), std::make_shared<const ClientSettings>(std::move(settings)),
      std::move(names), std::move(tls), std::move(verifying), std::move(resolver));
}

std::unique_ptr<Connection> Client::take_idle(const std::string& host) {
  auto& line = idle_[host];
  while (!line.empty()) {
    auto newest = std::move(line.back());
    line.pop_back();
    if (monotonic_ms() - newest.since_ms < kIdleMs && newest.connection->usable())
      return std::move(newest.connection);
  }
  idle_.erase(host);
  return nullptr;
}

Task<void> Client::give_back(std::string host, std::unique_ptr<Connection> connection) {
  auto& line = idle_[host];
  auto most = kTransactionsPerConnection;
  if (const auto limit = connection->features().most_messages; limit > 0)
    most = std::min(most, static_cast<std::int64_t>(limit));
  const bool keep = settings_->keep_connections && connection->usable() &&
                    connection->transactions() < most && line.size() < kIdlePerHost;
  if (keep) {
    line.push_back({std::move(connection), monotonic_ms()});
  } else {
    co_await connection->quit();
  }
}

Task<Result<std::unique_ptr<Connection>>> Client::open(Work& work, mta::Target target, bool require_tls) {
  const Connection::Security usual{&tls_, settings_->tls}, verified{&verifying_, TlsPolicy::must};
  auto opened =
      co_await Connection::open(loop_, target, settings_, require_tls ? verified : usual, work.step());
  const bool tls_trouble = !opened && opened.error().text.starts_with("4.7.5 TLS with");
  if (!tls_trouble || require_tls || settings_->tls != TlsPolicy::may) co_return opened;
  // Opportunistic means that a broken handshake is no reason not to deliver.
  log::Event("smtp_client.tls.failed").with("host", target.name).with("error", opened.error().text).notice();
  const Connection::Security without{nullptr, settings_->tls};
  auto plain = co_await Connection::open(loop_, std::move(target), settings_, without, work.step());
  co_return plain;
}

Task<std::unique_ptr<Connection>> Client::connect(Work& work, std::string host) {
  work.step().is("DNS");
  auto route = co_await mta::find_route(*names_, host, settings_->route);
  if (route.status == mta::Route::Status::failed) {
    work.fail_rest(route.text);
    co_return nullptr;
  }
  if (route.status == mta::Route::Status::deferred) {
    work.defer_rest(route.text);
    co_return nullptr;
  }
  if (settings_->remember_failures) failures_.put_last(route.targets, monotonic_ms());
  if (work.envelope().require_tls)
    std::erase_if(route.targets, [](const auto& target) { return !target.sure; });
  if (route.targets.empty()) {
    work.fail_rest(
        "5.7.10 its sender requires TLS all the way, and DNS does not prove which host takes mail for " +
        host);
    co_return nullptr;
  }
  for (auto& target : route.targets) target.destination = host;
  auto connection = co_await first_that_answers(work, std::move(route.targets));
  co_return connection;
}

Task<std::unique_ptr<Connection>> Client::first_that_answers(Work& work, std::vector<mta::Target> targets) {
  std::string last, last_host;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    auto& target = targets[i];
    const auto permit = co_await may_try(work, target, i + 1, targets.size());
    if (permit == Permit::ended) co_return nullptr;
    if (permit == Permit::pass_over) continue;
    last_host = target.name;
    auto connection = co_await open(work, target, work.envelope().require_tls);
    if (connection) {
      failures_.answered(target.address);
      co_return std::move(*connection);
    }
    if (settings_->remember_failures) failures_.failed(target.address, monotonic_ms());
    last = connection.error().text;
    log::Event("smtp_client.connect.failed")
        .with("qid", work.queue_id())
        .with("host", target.name)
        .with("error", last)
        .notice();
    if (connection.error().fault == Fault::permanent) {
      work.fail_rest(last, target.name);
      co_return nullptr;
    }
  }
  if (last.empty()) last = "4.4.4 IP_ACCESS passes over every address of " + targets[0].destination;
  work.defer_rest(last, last_host);
  work.host_is_down(last);
  co_return nullptr;
}

namespace {
// 421 to the first message is a closed door; later it only means that it was enough for once.
void note_farewell(const Connection& connection, Work& work) {
  if (connection.farewell().empty()) return;
  if (connection.delivered() == 0)
    work.host_is_down(connection.target().name + ": " + connection.farewell());
  else
    work.host_is_congested();
}
}  // namespace

Task<void> Client::deliver(Work& work) {
  const std::string host = to_lower(settings_->fixed_host.empty() ? work.host() : settings_->fixed_host);
  // Connections that were verified for messages that demand it are for those only.
  const std::string kept = work.envelope().require_tls ? host + " tls" : host;
  // An idle connection may have been closed by the peer meanwhile: then nothing was answered on it, and the
  // next one is tried; a fresh one gets two tries in all.
  for (int fresh = 0; fresh < 2;) {
    auto connection = take_idle(kept);
    if (!connection) {
      ++fresh;
      connection = co_await connect(work, host);
      if (!connection) co_return;
    }
    const auto outcome = co_await connection->deliver(work, workers_);
    if (outcome == Connection::Outcome::done) {
      note_farewell(*connection, work);
      work.step().is("QUIT");
      co_await give_back(kept, std::move(connection));
      co_return;
    }
  }
  work.defer_rest("4.4.2 " + host + " closes the connection without an answer", host);
}

void Client::sweep() {
  const auto oldest = monotonic_ms() - kIdleMs;
  for (auto& [host, line] : idle_)
    for (; !line.empty() && line.front().since_ms <= oldest; line.pop_front())
      spawn(say_goodbye(std::move(line.front().connection)));
  std::erase_if(idle_, [](const auto& each) { return each.second.empty(); });
}

Task<void> Client::end() {
  auto all = std::move(idle_);
  idle_.clear();
  for (auto& [host, line] : all)
    for (auto& each : line) co_await each.connection->quit();
}

}  // namespace waxwing::channels::smtp
