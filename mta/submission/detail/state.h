// What Submitter and Submission keep. Private to this folder.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "common/directory/directory.h"
#include "common/net/byte_budget.h"
#include "mta/address/directory_view.h"
#include "mta/address/resolve.h"
#include "mta/config/mta_config.h"
#include "mta/policy/access.h"
#include "mta/queue/queue.h"
#include "mta/queue/writer.h"
#include "mta/submission/submission.h"

namespace waxwing::mta {

struct Submitter::Inner {
  Daemon& daemon;
  std::shared_ptr<MtaConfigHolder> holder;
  std::shared_ptr<directory::Directory> directory;
  std::unique_ptr<DirectoryView> view;
  std::shared_ptr<queue::Queue> queue;
  std::string directory_options;  // what the directory was opened with
  void note_directory_options();
  // Bodies that are shaped for their channels are in memory; this is for all of them together.
  ByteBudget forms{std::uint64_t{192} << 20};
};

// One final recipient on its way into an envelope.
struct Destination {
  Recipient recipient;
  std::string original;  // "rfc822;..." for the queue
  std::string notify;
  std::string envelope_from;  // the message's, or what a list or an access table put in its place
  bool held = false;
  bool no_vacation = false;  // $! of an access table, now or before it lay in another channel
};
// $U of an access table: what is looked up for the message from here on goes to the log.
class LoggedTrace : public Trace {
 public:
  explicit LoggedTrace(std::string queue_id) : queue_id_(std::move(queue_id)) {}
  void say(const std::string& line) override;

 private:
  std::string queue_id_;
};

struct HeaderTask;
struct HeaderOutcome;
struct Publication;

// A queue file of a list's members. They are in it, not in memory: what mail.log_current says of each is kept packed.
struct ListedFile {
  queue::Envelope envelope;  // without recipients
  queue::FileName name;
  std::string recipients;  // pack_recipient() of each
};

// A list whose members are looked up when the message is whole.
struct PendingList {
  ResolveRequest request;
  RecipientOptions options;
  ListEffects effects;
  std::uint64_t number = 0;  // of the message among those of the list, where that has a sequence
  std::size_t members = 0;
  std::vector<queue::Envelope> formed;           // for channels that want the message in a form of their own
  std::vector<ListedFile> logged;                // files of channels with the keyword logging
  std::map<std::string, std::uint64_t> written;  // recipients that have their files, by channel
};

struct Submission::Inner {
  Inner(std::shared_ptr<Submitter> owner, Source from)
      : submitter(std::move(owner)), source(std::move(from)) {}

  std::shared_ptr<Submitter> submitter;
  Source source;
  // One snapshot serves one message from MAIL to the end.
  std::shared_ptr<const MtaConfig> config;
  const Channel* channel = nullptr;
  AccessSession session;  // what access tables are told of it

  std::string queue_id;
  std::string given_sender;
  std::string sender;  // rewritten
  bool srs = false;    // in our name, where the destination's channel wants that
  SenderOptions options;
  std::vector<std::string> given;  // recipients as accepted
  std::deque<Destination> destinations;
  std::optional<PendingList> list;
  bool plain_text = false;
  std::string partial_id;  // of a message/partial
  std::string tags;        // conversion tags that FROM_ACCESS gave
  std::map<std::string, std::string>
      conversions;  // "channel tags" -> the conversion channel before it, or ""
  std::map<std::string, std::string>
      reformats;                          // "channel tags" -> what CHARSET-CONVERSION says; "": nothing
  std::unordered_set<std::string> known;  // channel, address and folder of each: a list may have 100,000
  // From access tables: header lines, a tag of the subject, limits, the delay of every further command.
  std::string extra_header, subject_tag;
  std::int64_t recipient_limit = 0, recipient_cutoff = 0;  // 0: none
  std::int64_t asked = 0;                                  // recipients, refused ones too
  std::int64_t delay_ms = 0;
  bool discard = false;
  bool no_vacation = false;
  std::unique_ptr<Trace> debug;  // null: nobody wants it
  // For mail.log_current: what access tables did to the message, the table that refused last, and the header
  // where some option asks for a part of it.
  std::string filter_note, refusing_table, logged_header;
  bool fields_logged = false;  // of the header: once a message

  std::string trace;
  std::string header;       // until it is whole
  std::size_t scanned = 0;  // of header: no empty line before this
  bool in_body = false;
  std::uint64_t header_size = 0;  // of the header as it was written, in bytes
  bool ends_in_crlf = true;
  queue::Priority priority = queue::Priority::normal;
  std::int64_t deferred_until_ms = 0;  // what the header asks for
  std::string hold_reason;
  int sensitivity = 0;  // of the header, 0 to 3
  std::uint64_t size = 0, lines = 0;
  std::uint64_t size_limit = 0;
  bool is_too_large(std::uint64_t size_bytes) const { return size_limit != 0 && size_bytes > size_limit; }
  Verdict too_large() const;
  std::int64_t line_limit = 0;
  bool counts_lines = false;  // line_limit, or a channel with alternatelinelimit
  std::optional<queue::Writer> writer;
  std::optional<Verdict> failure;
  queue::Companion* companion = nullptr;  // commit_with()

  WorkerPool& workers() const { return submitter->daemon().workers(); }
  // What a verdict says about the message as a whole, and what it wants logged; taken or refused.
  void note(const AccessVerdict& access);
  void add_header(const std::string& line);
  void lower_limits(std::int64_t blocks, std::int64_t recipients, std::int64_t cutoff);  // 0 and less: none
  // One final recipient: into destinations, or refused.
  Verdict take(Recipient&& recipient, const AccessVerdict& access, const std::string& given_address,
               const RecipientOptions& recipient_options);
  // What RCPT, or a list of the process channel, comes to: destinations, or a list that is yet to be followed.
  Task<Verdict> resolve(ResolveRequest request, RecipientOptions recipient_options);
  // The members of the list, into files that only lack their names. On a worker.
  Verdict expand_list();
  // The next number of the list's sequence.
  Task<Verdict> number_message();
  Verdict add_slice();
  Verdict write_list_text(std::string ListEffects::*which);
  bool take_for_later(const std::string& address, const RecipientOptions& recipient_options);
  // Why a channel it goes to does not take a message of its Sensitivity:; empty: they all do.
  std::string too_sensitive() const;
  // A member of a list, where the whole message is known: the limits of its channel refuse it alone.
  Verdict member_limits(const Recipient& member) const;
  // Header fields that ask for a receipt, where the source channel's report... keyword honours them.
  void apply_receipts(bool asked);
  // Header complete: processed and written. Then the body that came with it.
  Task<Verdict> header_done(std::size_t header_bytes);
  HeaderTask header_task(std::size_t header_bytes) const;
  Verdict check_header(const HeaderOutcome& outcome);
  void heed_header(const HeaderOutcome& outcome);
  Verdict write_body(std::string_view bytes);
  // Asks CONVERSIONS and CHARSET-CONVERSION for where the message goes; a list does so for each slice of its members.
  Task<Verdict> find_conversions();
  Task<Result<Publication>> prepare(std::vector<queue::Envelope> envelopes);
  // Steps of finish().
  Task<Verdict> end_message();
  Verdict accepted() const;
  Verdict throw_away();
  Task<Verdict> publish();
  Verdict open_writer();
  void lower_line_limit(std::int64_t limit) {  // 0: none
    if (limit > 0 && (line_limit == 0 || limit < line_limit)) line_limit = limit;
    if (limit > 0) counts_lines = true;
  }
  Verdict fail(Verdict verdict) {
    failure = verdict;
    writer.reset();
    header.clear();
    return verdict;
  }
};

// Directory down, disk trouble, a bug: never a refusal for good. "No space" is 452 4.3.1.
Verdict verdict_of(const Error& error);
Verdict verdict_of(const AddressProblem& problem);
Verdict verdict_of(const AccessVerdict& access);

// files: the queue file of each envelope. size_bytes: of the message as it lies there, with our own header fields.
void log_accepted(const Submission::Inner& inner, const std::vector<queue::Envelope>& envelopes,
                  const std::vector<queue::FileName>& files, std::uint64_t size_bytes);

// Members that came to nothing while others did not.
void log_member_problems(const Submission::Inner& inner, const std::string& address,
                         const Resolution& resolution);

// What $D of an access table asks for, a minute at most.
Task<void> access_delay(std::int64_t delay_ms);

// Of a message that is discarded: where the configuration wants that kept for a while (FILTER_DISCARD), its
// destinations become the channel filter_discard, and the answer is true.
bool keep_discarded(Submission::Inner& inner);

// The channel itself, or its alternatechannel when the message is over one of the alternate limits.
const std::string& channel_for(const Submission::Inner& inner, const std::string& name);

// Queue files to be: recipients that share channel, sender and held state, cut by the channel's keywords.
std::vector<queue::Envelope> make_envelopes(Submission::Inner& inner);

// Does the channel, or any of these, want the message in a form of its own?
bool wants_form(const Submission::Inner& inner, const queue::Envelope& envelope);
bool wants_forms(const Submission::Inner& inner, const std::vector<queue::Envelope>& envelopes);
// What is to be published: the message as it was written for the envelopes that take it so, and for the
// others what their channels make of it. The envelopes that belong to the names publish_all() answers.
struct Publication {
  std::vector<std::unique_ptr<queue::Writer>> writers;  // beside the message's own
  std::vector<queue::Writer::Content> contents;
  std::vector<queue::Envelope> envelopes;
  std::optional<Verdict> refused;  // for good: there is nothing to publish
  ByteBudget::Share memory;        // until it is published
};
// Memory that the forms of these channels take, in bytes; 0: next to none.
std::uint64_t form_bytes(const Submission::Inner& inner, const std::vector<queue::Envelope>& envelopes);
// For a worker.
Result<Publication> shape_message(Submission::Inner& inner, std::vector<queue::Envelope> envelopes);

}  // namespace waxwing::mta
