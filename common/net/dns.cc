#include "common/net/dns.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/mman.h>
#include <unbound.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/log/log.h"

namespace waxwing {

namespace {
constexpr int kA = 1, kPtr = 12, kMx = 15, kAaaa = 28;
constexpr std::int64_t kPatienceMs = 20000;

// A domain name inside rdata; libunbound hands out rdata uncompressed.
std::string name_from_wire(std::string_view wire) {
  std::string name;
  while (!wire.empty() && wire[0] != 0) {
    const auto length = static_cast<unsigned char>(wire[0]);
    if (length > 63 || length + 1U > wire.size()) return {};
    if (!name.empty()) name += '.';
    name.append(wire.substr(1, length));
    wire.remove_prefix(length + 1U);
  }
  return name;
}

// RFC 1035 4.1.1
std::string failure_text(int code) {
  static constexpr const char* kTexts[] = {nullptr, "format error",    "server failure",
                                           nullptr, "not implemented", "refused"};
  const bool known = code >= 0 && code < static_cast<int>(std::size(kTexts)) && kTexts[code] != nullptr;
  return known ? kTexts[code] : "error code " + std::to_string(code);
}

std::string reverse_name(const std::string& address) {
  const auto labels = reversed_address(address);
  if (labels.empty()) return {};
  return labels + (address.find(':') == std::string::npos ? ".in-addr.arpa" : ".ip6.arpa");
}
}  // namespace

bool is_ip_address(const std::string& text) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, text.c_str(), bytes) == 1 || inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

std::string reversed_address(const std::string& address) {
  unsigned char bytes[16];
  if (inet_pton(AF_INET, address.c_str(), bytes) == 1)
    return std::to_string(bytes[3]) + "." + std::to_string(bytes[2]) + "." + std::to_string(bytes[1]) + "." +
           std::to_string(bytes[0]);
  if (inet_pton(AF_INET6, address.c_str(), bytes) != 1) return {};
  static constexpr char digits[] = "0123456789abcdef";
  std::string name;
  for (int i = 15; i >= 0; --i) {
    name += digits[bytes[i] & 15];
    name += '.';
    name += digits[bytes[i] >> 4];
    if (i > 0) name += '.';
  }
  return name;
}

struct Resolver::Inner {
  EventLoop& loop;
  ub_ctx* context = nullptr;
  std::string servers;
  int failures = 0;  // in a row
  bool told = false;

  // One name that cannot be looked up is the fault of its own servers; many in a row are ours.
  void note_failure(const std::string& why) {
    constexpr int kOurs = 5;
    if (++failures < kOurs || std::exchange(told, true)) return;
    log::Event("dns.failing").with("server", servers).with("in_a_row", failures).with("last", why).error();
  }
  void note_answer() {
    failures = 0;
    if (std::exchange(told, false)) log::Event("dns.answers").with("server", servers).notice();
  }

  // One question under way; lives in the frame that waits.
  struct Question {
    Inner& inner;
    std::string name;
    int type;
    DnsAnswer answer;
    int id = 0;
    std::coroutine_handle<> handle;
    ::event timer{};

    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> waiter) {
      handle = waiter;
      const int failed =
          ub_resolve_async(inner.context, name.c_str(), type, 1, this, &Question::answered, &id);
      if (failed != 0) {
        answer.why = ub_strerror(failed);
        return false;
      }
      event_assign(&timer, inner.loop.base(), -1, 0, &Question::gave_up, this);
      const timeval patience{kPatienceMs / 1000, 0};
      event_add(&timer, &patience);
      return true;
    }
    DnsAnswer await_resume() { return std::move(answer); }

    static void gave_up(int, short, void* self) {
      auto& question = *static_cast<Question*>(self);
      ub_cancel(question.inner.context, question.id);
      question.answer.why = "name server " + question.inner.servers + ": no answer for " + question.name;
      question.inner.note_failure(question.answer.why);
      question.handle.resume();
    }
    static void answered(void* self, int error, ub_result* result) {
      auto& question = *static_cast<Question*>(self);
      event_del(&question.timer);
      question.take(error, result);
      if (result != nullptr) ub_resolve_free(result);
      // Not resumed here: libunbound holds its lock during the call-back.
      question.inner.loop.post([handle = question.handle] { handle.resume(); });
    }
    void take(int error, const ub_result* result) {
      if (error != 0 || result == nullptr) {
        answer.why = ub_strerror(error);
        return;
      }
      if (result->bogus) {
        answer.why = "DNSSEC says bogus: " + std::string(result->why_bogus ? result->why_bogus : name);
      } else if (result->nxdomain) {
        answer.status = DnsAnswer::Status::no_name;
      } else if (result->rcode != 0) {
        answer.why = "name server " + inner.servers + ": " + failure_text(result->rcode) + " for " + name;
        return inner.note_failure(answer.why);
      } else {
        for (int i = 0; result->data[i] != nullptr; ++i)
          answer.records.emplace_back(result->data[i], static_cast<std::size_t>(result->len[i]));
        answer.status = answer.records.empty() ? DnsAnswer::Status::no_data : DnsAnswer::Status::found;
        answer.secure = result->secure != 0;
      }
      inner.note_answer();
    }
  };

  static Task<void> pump(Inner* inner) {
    const int fd = ub_fd(inner->context);
    for (;;) {
      const auto ready = co_await inner->loop.readable(fd, -1);
      if (ready == Ready::closed) co_return;
      ub_process(inner->context);
    }
  }
};

namespace {
// libunbound answers by itself that names below these do not exist, but sites use them inside, and their name server knows
// them. That is said in a file only. localhost itself stays what it is everywhere.
void leave_to_name_server(ub_ctx* context) {
  constexpr std::string_view kText =
      "server:\n"
      " local-zone: \"test.\" nodefault\n"
      " local-zone: \"invalid.\" nodefault\n"
      " local-zone: \"home.arpa.\" nodefault\n"
      " local-zone: \"localhost.\" nodefault\n"
      " local-data: \"localhost. 10800 IN A 127.0.0.1\"\n"
      " local-data: \"localhost. 10800 IN AAAA ::1\"\n";
  const UniqueFd file(::memfd_create("libunbound", MFD_CLOEXEC));
  if (!file || !write_all(file.get(), kText)) return;  // then they are answered as libunbound does
  ub_ctx_config(context, ("/proc/self/fd/" + std::to_string(file.get())).c_str());
}
}  // namespace

Resolver::Resolver(EventLoop& loop, Options options)
    : inner_(std::make_unique<Inner>(
          Inner{loop, ub_ctx_create(), options.server.empty() ? "of /etc/resolv.conf" : options.server})) {
  auto* context = inner_->context;
  ub_ctx_async(context, 1);
  // libunbound would answer by itself that private addresses have no names; the site's name server may know better.
  ub_ctx_set_option(context, "unblock-lan-zones:", "yes");
  ub_ctx_set_option(context, "insecure-lan-zones:", "yes");
  leave_to_name_server(context);
  if (!options.server.empty()) {
    ub_ctx_set_option(context, "do-not-query-localhost:", "no");
    for (const auto server : split_words(options.server))
      ub_ctx_set_fwd(context, std::string(server).c_str());
  } else if (options.system_default) {
    ub_ctx_resolvconf(context, nullptr);
  }
  if (!options.hosts_file.empty()) ub_ctx_hosts(context, options.hosts_file.c_str());
  loop.post([inner = inner_.get()] { spawn(Inner::pump(inner)); });
}

Resolver::~Resolver() {
  inner_->loop.cancel_waits(ub_fd(inner_->context));
  ub_ctx_delete(inner_->context);
}

Task<DnsAnswer> Resolver::query(std::string name, int rr_type) {
  Inner::Question question{*inner_, std::move(name), rr_type, {}};
  auto answer = co_await question;
  co_return answer;
}

Task<Resolver::Addresses> Resolver::addresses(std::string name) {
  Addresses found;
  if (is_ip_address(name)) {
    found.status = DnsAnswer::Status::found;
    found.list.push_back(name);
    co_return found;
  }
  bool failed = false, exists = false;
  for (const int type : {kA, kAaaa}) {
    auto answer = co_await query(name, type);
    failed |= answer.status == DnsAnswer::Status::failed;
    exists |= answer.status != DnsAnswer::Status::no_name;
    if (!answer.why.empty()) found.why = answer.why;
    for (const auto& rdata : answer.records) {
      char text[INET6_ADDRSTRLEN];
      if (rdata.size() == (type == kA ? 4U : 16U) &&
          inet_ntop(type == kA ? AF_INET : AF_INET6, rdata.data(), text, sizeof text))
        found.list.emplace_back(text);
    }
  }
  found.status = !found.list.empty() ? DnsAnswer::Status::found
                 : failed            ? DnsAnswer::Status::failed
                 : exists            ? DnsAnswer::Status::no_data
                                     : DnsAnswer::Status::no_name;
  co_return found;
}

Task<Resolver::MxList> Resolver::mx(std::string domain) {
  MxList list;
  auto answer = co_await query(std::move(domain), kMx);
  list.status = answer.status;
  list.why = answer.why;
  list.secure = answer.secure;
  for (const auto& rdata : answer.records) {
    if (rdata.size() < 3) continue;
    const auto byte = [&](std::size_t i) {
      return static_cast<unsigned>(static_cast<unsigned char>(rdata[i]));
    };
    list.hosts.push_back({byte(0) << 8 | byte(1), name_from_wire(std::string_view(rdata).substr(2))});
  }
  std::stable_sort(list.hosts.begin(), list.hosts.end(),
                   [](const MxHost& a, const MxHost& b) { return a.preference < b.preference; });
  co_return list;
}

Task<std::vector<std::string>> Resolver::names_of(std::string address) {
  std::vector<std::string> names;
  auto answer = co_await query(reverse_name(address), kPtr);
  for (const auto& rdata : answer.records) names.push_back(name_from_wire(rdata));
  co_return names;
}

}  // namespace waxwing
