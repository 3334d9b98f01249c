// Contents of queue files for channels that want the message in a form of their own.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <map>

#include "common/base/random.h"
#include "common/log/log.h"
#include "mta/form/form.h"
#include "mta/submission/detail/detours.h"
#include "mta/submission/detail/state.h"
#include "mta/submission/header.h"

namespace waxwing::mta {

namespace {

constexpr std::size_t kPieceBytes = 256 * 1024;
// A body is shaped in memory. One that is larger keeps its form; its header is shaped all the same.
constexpr std::uint64_t kMostBytes = 64 << 20;
constexpr int kMostNotes = 10;  // of parts that stay as they are, of one message

// Each piece of a message is a file that is open until all of them are published. A share of the descriptors, so
// that messages on all workers leave most of them to the sessions.
std::size_t most_pieces() {
  static const std::size_t most = [] {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return std::size_t{100};
    return static_cast<std::size_t>(std::clamp<rlim_t>(files.rlim_cur / 64, 100, 1000));
  }();
  return most;
}

form::Form form_for(const Submission::Inner& inner, const queue::Envelope& envelope) {
  const Channel* destination = inner.config->channel(envelope.channel);
  if (!destination) return {};
  // What comes from inside has had its source's keywords when it came to this host.
  auto form = form::form_of(*inner.config, inner.source.internal ? nullptr : inner.channel, *destination);
  add_reformat(inner, envelope, form);
  return form;
}

class Shaper {
 public:
  Shaper(Submission::Inner& inner, Publication& into)
      : inner_(inner),
        lookup_{*inner.config, &inner.submitter->view(), directory::Ask::may_block},
        into_(into) {
    into_.contents.push_back({&*inner.writer, {}});
  }

  Result<> add(queue::Envelope envelope) {
    auto form = form_for(inner_, envelope);
    if (form.plain()) {
      into_.contents.front().envelopes.push_back(std::move(envelope));
      return {};
    }
    // Files of one channel share their content, unless it names their recipients.
    if (into_.refused) return {};
    const auto key = envelope.channel + "\t" + envelope.reformat;
    if (const auto known = made_.find(key); known != made_.end() && !form.header.envelope_to) {
      if (!has_room(known->second.size(), envelope.channel)) return {};
      for (const auto at : known->second) put(at, envelope);
      return {};
    }
    auto& made = made_[key];
    made.clear();
    TRY(const auto pieces, shaped(form, envelope));
    if (!has_room(pieces.count(), envelope.channel)) return {};
    for (std::size_t i = 0; i < pieces.count(); ++i) {
      const bool fragment = pieces.fragments();
      TRY(auto writer,
          queue::Writer::create(inner_.submitter->inner().queue, fragment ? std::string() : inner_.queue_id));
      TRY_VOID(writer.write(pieces.head(i)));
      TRY_VOID(writer.write(pieces.text(i)));
      if (!form.needs_body()) TRY_VOID(copy_body(writer));
      made.push_back(into_.contents.size());
      into_.writers.push_back(std::make_unique<queue::Writer>(std::move(writer)));
      into_.contents.push_back({into_.writers.back().get(), {}});
      put(made.back(), envelope);
      // A message of its own from here on.
      if (fragment) into_.contents.back().envelopes.back().email_id = "M" + unique_id();
    }
    return {};
  }

  void finish() {
    std::erase_if(into_.contents, [](const auto& content) {
      return content.envelopes.empty() && !content.writer->has_added();
    });
    for (const auto& content : into_.contents)
      for (const auto& envelope : content.envelopes) into_.envelopes.push_back(envelope);
  }

 private:
  void put(std::size_t at, const queue::Envelope& envelope) {
    auto& envelopes = into_.contents[at].envelopes;
    envelopes.push_back(envelope);
    envelopes.back().email_id = envelopes.front().email_id;
  }

  bool has_room(std::size_t pieces, const std::string& channel) {
    if (pieces < 2) return true;
    pieces_ += pieces;
    if (pieces_ <= most_pieces()) return true;
    log::Event("mta.form.too_many_pieces")
        .with("qid", inner_.queue_id)
        .with("channel", channel)
        .with("pieces", static_cast<std::int64_t>(pieces_))
        .with("limit", static_cast<std::int64_t>(most_pieces()))
        .warning();
    into_.refused = Verdict{554, "5.3.4",
                            fmt::format("The message would be sent in {} pieces, more than {}: too large for "
                                        "where it goes",
                                        pieces_, most_pieces())};
    return false;
  }

  Result<form::Pieces> shaped(form::Form& form, const queue::Envelope& envelope) {
    if (form.needs_body() && inner_.writer->size_bytes() > kMostBytes) {
      log::Event("mta.form.too_large")
          .with("qid", inner_.queue_id)
          .with("channel", envelope.channel)
          .with("size", static_cast<std::int64_t>(inner_.writer->size_bytes()))
          .notice();
      form.body = {};
      form.fragments = {};
      form.header.hash = form::HeaderForm::Hash::as_it_is;
    }
    const auto bytes = form.needs_body() ? inner_.writer->size_bytes() : inner_.header_size;
    TRY(auto message, inner_.writer->read(0, static_cast<std::size_t>(bytes)));
    form::Subject subject;
    for (const auto& recipient : envelope.recipients) subject.recipients.push_back(recipient.address);
    subject.rewrite_inner = [this](std::string_view header) { return rewritten(header); };
    subject.note = [this, &envelope, notes = 0](const std::string& part, std::string_view why) mutable {
      if (++notes > kMostNotes) return;
      log::Event("mta.charset_conversion.kept")
          .with("qid", inner_.queue_id)
          .with("channel", envelope.channel)
          .with("part", part)
          .with("why", why)
          .notice();
    };
    return form::shape(lookup_, form, std::move(message), subject);
  }

  Result<> copy_body(queue::Writer& writer) {
    for (auto at = inner_.header_size;;) {
      TRY(const auto piece, inner_.writer->read(at, kPieceBytes));
      if (piece.empty()) return {};
      TRY_VOID(writer.write(piece));
      at += piece.size();
    }
  }

  Result<std::string> rewritten(std::string_view header) {
    HeaderTask task;
    task.header = header;
    task.source = inner_.channel;
    task.inner = true;
    TRY(auto outcome, process_header(lookup_, task));
    return outcome ? std::move(outcome->text) : std::string(header);
  }

  Submission::Inner& inner_;
  const Lookup lookup_;
  Publication& into_;
  std::map<std::string, std::vector<std::size_t>> made_;  // channel and reformat -> its contents
  std::size_t pieces_ = 0;                                // of all its fragmented forms
};

}  // namespace

bool wants_form(const Submission::Inner& inner, const queue::Envelope& envelope) {
  return !form_for(inner, envelope).plain();
}

bool wants_forms(const Submission::Inner& inner, const std::vector<queue::Envelope>& envelopes) {
  for (const auto& envelope : envelopes)
    if (wants_form(inner, envelope)) return true;
  return false;
}

// Only one form is in the making at a time.
std::uint64_t form_bytes(const Submission::Inner& inner, const std::vector<queue::Envelope>& envelopes) {
  const auto size = inner.writer->size_bytes();
  if (size > kMostBytes) return 0;
  for (const auto& envelope : envelopes)
    if (form_for(inner, envelope).needs_body()) return size * form::kCopies;
  return 0;
}

Result<Publication> shape_message(Submission::Inner& inner, std::vector<queue::Envelope> envelopes) {
  Publication publication;
  Shaper shaper(inner, publication);
  for (auto& envelope : envelopes) TRY_VOID(shaper.add(std::move(envelope)));
  shaper.finish();
  return publication;
}

}  // namespace waxwing::mta
