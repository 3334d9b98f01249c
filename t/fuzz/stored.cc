// What stored is asked about the mailbox list, one question a line: verb and fields, with TAB between. Whatever is asked
// there is an answer, rows are whole, and what is in the list can be taken out of it again.
#include <mutex>

#include "common/base/file.h"
#include "common/base/path.h"
#include "common/base/strings.h"
#include "common/config/config.h"
#include "common/log/log.h"
#include "store/list/protocol.h"
#include "store/stored/list_service.h"
#include "t/fuzz/frame/scratch.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::store;

namespace {

void told(const Event& event) {
  const auto again = decode_event(encode_event(event));
  MUST(again && again->kind == event.kind && again->mailbox == event.mailbox);
}

class Place {
 public:
  Place() {
    log::open({.level = log::Level::critical});
    const auto root = fuzz::scratch("stored");
    MUST(make_directories(root + "/config") && make_directories(root + "/store/mboxlist"));
    MUST(replace_file(root + "/config/msg.conf", "journal.enabled = 0\nstore.maxfolders = 20\n"));
    const auto config = Config::load(root);
    MUST(config.has_value());
    auto db = ListDb::open(root + "/store/mboxlist", 1 << 20);
    MUST(db.has_value());
    service_ = std::make_unique<ListService>(*config, std::move(*db), told);
    MUST(service_->prepare_partitions());
  }
  Record ask(Record question) {
    question.set("id", "7");
    const auto answer = service_->answer(question);
    MUST(answer.get("id") == question.get("id") && (answer.is("ok") || answer.is("error")));
    MUST(answer.is("ok") || !answer.get("text").empty());
    MUST(answer.encode().size() <= Record::kMaxBytes && Record::decode(answer.encode()));
    for (const auto row : answer.all("entry")) MUST(decode_entry(row));
    return answer;
  }
  void take_all_out() {
    for (;;) {
      const auto page = ask(Record("list"));
      MUST(page.is("ok"));
      if (!page.has("entry")) return;
      for (const auto row : page.all("entry"))
        MUST(ask(Record("remove").set("name", decode_entry(row)->name.text())).is("ok"));
    }
  }

 private:
  std::unique_ptr<ListService> service_;
};

Record question_of(std::string_view line) {
  Record question{std::string(take_until(line, '\t'))};
  while (!line.empty()) {
    auto value = take_until(line, '\t');
    const auto name = take_until(value, '=');
    // A row's own TABs are written as commas.
    question.set(name, name == "entry" ? replace_all(std::string(value), ",", "\t") : std::string(value));
  }
  return question;
}

}  // namespace

FUZZ_TARGET(stored) {
  static Place place;
  fuzz::Input in(input);
  for (int questions = 0; !in.at_end() && questions < 30; ++questions) {
    const auto packet = Record::decode(question_of(in.line()).encode());
    if (packet) (void)place.ask(*packet);
  }
  place.take_all_out();
}
