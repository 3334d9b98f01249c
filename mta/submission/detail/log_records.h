// What a submission writes into mail.log_current.
#pragma once

#include <string_view>
#include <vector>

#include "mta/submission/detail/state.h"

namespace waxwing::mta {

// Into imsimta counters: the whole message, once for each channel that it goes to, in however many files. Once it is in
// the queue. envelopes: beside those that a list has written.
void count_enqueued(const Submission::Inner& inner, const std::vector<queue::Envelope>& envelopes,
                    std::uint64_t size_bytes);
// E, one for each recipient of each file, where the file's channel is logged. files: beside envelopes.
void record_enqueued(Submission::Inner& inner, const std::vector<queue::Envelope>& envelopes,
                     const std::vector<queue::FileName>& files, std::uint64_t size_bytes);
// The same for the files of a list, once they have their names.
void pack_recipient(const queue::Recipient& recipient, std::string& packed);
void record_listed(Submission::Inner& inner, std::uint64_t size_bytes);
// J, where the source channel is logged. address: as the peer gave it, or "" for the sender's refusal.
void record_refused(const Submission::Inner& inner, std::string_view address, const Verdict& verdict);
// V, where the source channel is logged.
void record_aborted(const Submission::Inner& inner, std::string_view why);

}  // namespace waxwing::mta
