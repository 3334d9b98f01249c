// Large mailboxes, made through the store library beside the running server: protocols would take minutes.
#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <stdexcept>

#include "common/config/config.h"
#include "common/mail/date.h"
#include "store/mailbox.h"
#include "store/store.h"
#include "t/bench/load/mail.h"
#include "t/bench/load/run.h"
#include "t/bench/load/workloads.h"

namespace waxwing::bench {

namespace {
constexpr std::int64_t kBatch = 500;
constexpr std::int64_t kFirstDate = 1'700'000'000;

void need(const Result<>& result) {
  if (!result) throw std::runtime_error(result.error().text);
}
template <class T>
T need(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text);
  return std::move(*result);
}

// Half of them answers to one of the hundred before; a word in ten thousand to look for.
std::string conversation(std::int64_t number, const std::string& to) {
  std::mt19937 random(static_cast<unsigned>(number) * 2654435761u + 17);
  const auto before = std::min<std::int64_t>(number, 100);
  const bool is_answer = before > 0 && random() % 2 == 0;
  const auto parent =
      number - 1 -
      static_cast<std::int64_t>(random() % static_cast<unsigned>(std::max<std::int64_t>(before, 1)));
  auto text = fmt::format("Date: {}\r\nMessage-ID: <big.{}@bench.test>\r\nSubject: {}topic {} of {}{}\r\n",
                          mail::format_date(kFirstDate + number * 61, 0), number, is_answer ? "Re: " : "",
                          random() % 20000, random() % 7, number % 10000 == 37 ? " needle" : "");
  if (is_answer) text += fmt::format("References: <big.{}@bench.test>\r\n", parent);
  text += fmt::format("From: Sender {0} <sender{0}@sender.test>\r\nTo: <{1}>\r\n\r\n", random() % 200, to);
  if (number % 10000 == 37) text += "zebrafish\r\n";
  return text + make_message(number, 1000 + random() % 3000, to);
}
}  // namespace

void store_fill(const Options& options) {
  const auto config = need(Config::load(options.text("root")));
  const auto store = need(store::Store::open(config));
  const auto user = with_number(options.text("user"), options.number("first"));
  // A mailbox of the default domain has the bare name.
  const auto name = need(store::MailboxName::make(user.substr(0, user.find('@')), options.text("box")));
  const auto mailbox = need(store->open_mailbox(need(store->find_or_create(name))));
  const auto count = options.number("count");
  auto one = options;
  one.set("conns", "1");
  const auto run = run_threads(one, [&](int, Supply& supply, Tally& tally) {
    auto have = static_cast<std::int64_t>(mailbox->status().messages);
    while (have < count) {
      std::vector<store::Draft> drafts;
      for (const auto end = std::min(count, have + kBatch); have < end; ++have) {
        const auto begun = Clock::now();
        drafts.push_back(need(mailbox->begin_append(0, {})));
        drafts.back().internal_date = kFirstDate + have * 61;
        need(drafts.back().write(conversation(have, user)));
        tally.add(static_cast<float>(ms_since(begun)));
      }
      need(mailbox->append(std::move(drafts), {}));
    }
    for (std::int64_t number = 0; supply.next(number);) {
    }
  });
  fmt::print("{}\n", report(options, run, "msg/s"));
}

}  // namespace waxwing::bench
