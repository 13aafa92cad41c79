/** Made by tests/packages/types.mjs of `lezai openapi`; do not change it by hand. */

export interface paths {
    "/v1/balances": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is owed to the merchant or to one that it shares with, now or at a past moment */
        get: operations["balances_find"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/contracts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The merchant's contracts, newest first */
        get: operations["settlements_contracts_of_merchant"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the merchant was told, oldest first */
        get: operations["events_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events/redeliver": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Tell every event of a range again */
        post: operations["events_redeliver_range"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Try the merchant's receiver */
        post: operations["events_test"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** An event, with the tries to deliver it */
        get: operations["events_find"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events/{id}/redeliver": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Tell an event again */
        post: operations["events_redeliver"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/fx_quotes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List quotes, newest first */
        get: operations["fx_list"];
        put?: never;
        /** Fix a rate for an order that is settled in another currency */
        post: operations["fx_create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/fx_quotes/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Query a quote */
        get: operations["fx_find"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/mandates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List mandates, newest first, or find one by the merchant's own number */
        get: operations["mandates_list_mandates"];
        put?: never;
        /** Make a mandate for a shopper to agree to */
        post: operations["mandates_create_mandate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/mandates/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Query a mandate */
        get: operations["mandates_find_mandate"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/mandates/{id}/debits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Debit under a mandate */
        post: operations["mandates_debit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/mandates/{id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take a mandate back: it is not debited any more */
        post: operations["mandates_revoke_mandate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List orders, newest first, or find one by the merchant's own number */
        get: operations["orders_list"];
        put?: never;
        /** Create an order */
        post: operations["orders_create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Query an order */
        get: operations["orders_find"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/capture": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Capture an authorised order, whole or in part, once */
        post: operations["orders_capture"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/charge": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Charge the code that the shopper shows at the counter */
        post: operations["orders_charge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/close": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Close an order that is not paid */
        post: operations["orders_close"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/refunds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every refund of an order */
        get: operations["refunds_of_order"];
        put?: never;
        /** Refund a paid order, whole or in part */
        post: operations["refunds_create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give an order that is not paid a new checkout session */
        post: operations["orders_renew_session"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/splits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every split of an order, with what was given back of it */
        get: operations["splits_of_order"];
        put?: never;
        /** Split a settled order among receivers */
        post: operations["splits_create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/splits/finish": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End an order's splitting: what is left is the merchant's to take out */
        post: operations["splits_finish"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/void": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Reverse an authorised or paid order before it is settled */
        post: operations["orders_void"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payout_batches": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List batches of payouts, newest first, or find one by the merchant's own number */
        get: operations["payouts_list_batches"];
        put?: never;
        /** Pay out to up to a thousand recipients at once */
        post: operations["payouts_create_batch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payout_batches/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Query a batch: how much of it is in which state */
        get: operations["payouts_find_batch"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payout_batches/{id}/payouts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the payouts of a batch, the last item first */
        get: operations["payouts_of_batch"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payouts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List payouts, newest first, or find one by the merchant's own number */
        get: operations["payouts_list"];
        put?: never;
        /** Pay out what is available */
        post: operations["payouts_create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payouts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Query a payout */
        get: operations["payouts_find"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payouts/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Call off a payout that was not sent */
        post: operations["payouts_cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/receivers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List receivers, newest first, or find one by the merchant's name for it */
        get: operations["receivers_list"];
        put?: never;
        /** Register a receiver: one that orders are shared with */
        post: operations["receivers_register"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/receivers/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Query a receiver and its balances */
        get: operations["receivers_find"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/receivers/{id}/remove": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Remove a receiver: it gets no new shares and keeps its balance */
        post: operations["receivers_remove"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/refunds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Query a refund by the merchant's own number */
        get: operations["refunds_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/refunds/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Query a refund */
        get: operations["refunds_find"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/settlements": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Settlement batches, newest first */
        get: operations["settlements_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/settlements/open": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the batches would be if they were closed now */
        get: operations["settlements_open"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/settlements/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A settlement batch */
        get: operations["settlements_find"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/settlements/{id}/lines": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The lines of a settlement batch, oldest first */
        get: operations["settlements_lines"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/splits/{id}/returns": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take a share back from its receiver, whole or in part */
        post: operations["splits_give_back"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/statement_plans": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All plans of statements, by name */
        get: operations["statements_list_plans"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/statement_plans/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A plan of statements */
        get: operations["statements_find_plan"];
        /** Have statements made of each day, week or month */
        put: operations["statements_put_plan"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/statements": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Statements, newest first */
        get: operations["statements_list"];
        put?: never;
        /** Ask for a statement */
        post: operations["statements_create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/statements/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A statement */
        get: operations["statements_find"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/statements/{id}/content": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Download a statement */
        get: operations["statements_download"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description A second person's decision. */
        ApprovalView: {
            /** @description RFC 3339. */
            at: string;
            /** @description Why. */
            reason: string;
            /** @description `approved` or `refused`. */
            verdict: string;
        };
        /** @description An item that a person must look at. */
        AttentionView: {
            /** @description The attempt or refund that it is about. */
            id: string;
            /**
             * The operation with no result in time: `payment`, `return`, `capture`, `void` or `refund`; or
             *     `amount`: it spoke of another amount; or `contradiction`: a refund that had failed succeeded.
             */
            what: string;
        };
        /** @description The balance of one account. */
        BalanceView: {
            /**
             * `pending` until it is settled, `held` for a review, `frozen` until it is split, `reserve` until its
             *     days are over, `available` to take out, or `owes`: what is owed by the merchant or receiver, and not to it.
             *     A receiver has the last two alone. `direct` was paid to the merchant's own accounts, less what went back: it has
             *     that already, and nobody owes it.
             */
            account: string;
            /**
             * Format: int64
             * Minor units, never below zero. Under `owes` are refunds of more than was available; what becomes
             *     available later repays them first. Null past 9007199254740991 (2^53 - 1): a reader of JSON may
             *     round what is more (RFC 8259, section 6).
             */
            amount: number | null;
            /** @description ISO 4217. */
            currency: string;
            /** @description The same as text, exact whatever it is. */
            exact: string;
        };
        /** @description The balances of a merchant at a moment. */
        BalancesView: {
            /** @description RFC 3339: all that was booked by then counts. */
            at: string;
            /** @description Each of the accounts in each currency that it knows, by account and currency. */
            data: components["schemas"]["BalanceView"][];
            /** @description Always `balances`. */
            object: string;
            /** @description The receiver that the balances are of, if not of the merchant itself. */
            receiver?: string;
        };
        /** @description The shopper's way to pay. */
        CheckoutView: {
            /** @description For the element; only in the answer that created the order or renewed its session. */
            client_secret?: string | null;
            /** @description RFC 3339. */
            expires_at: string;
            /** @description `cs_…`, for the element. */
            session: string;
            /** @description The hosted page. The part after `#` never leaves the browser. */
            url: string;
        };
        /** @description A value beside the order in the merchant's books. */
        ColumnView: {
            /** @description A stable word. */
            name: string;
            /** @description Text, and never a formula. */
            value: string;
        };
        /** @description A statement's content. */
        ContentView: {
            /**
             * Format: int64
             * How many bytes it has.
             */
            bytes: number;
            /** @description `Content-Digest` (RFC 9530) of all of it, without content coding. */
            digest: string;
            /** @description The hash of the ledger's entry `until_entry`, as `lezai ledger export` has it. */
            head: string;
            /**
             * Format: int64
             * How many lines it has, headings and sums apart.
             */
            lines: number;
            /** @description RFC 3339: when it was made. */
            made_at: string;
            /** @description The sums of its lines, by currency; in `orders.1` alone. */
            totals?: components["schemas"]["TotalView"][];
        };
        /** @description A contract with its number. */
        ContractView: {
            /** @description RFC 3339. */
            announced_at: string;
            /** @description The terms agreed. */
            contract: Record<string, unknown>;
            /** @description Where it is not as the one before it. */
            differences: components["schemas"]["DifferenceView"][];
            /** @description RFC 3339. */
            in_force_from: string;
            /** @description Whose it is. */
            merchant: string;
            /**
             * Format: int32
             * 1 for the merchant's first; 0 is the standard.
             */
            number: number;
            /** @description Always `contract`. */
            object: string;
            /** @description `announced`, `in_force` or `former`. */
            status: string;
        };
        /** @description A debit that the payer's bank took back. */
        DebitReturnView: {
            /**
             * Format: int64
             * How much: all that was debited, whatever was refunded of it.
             */
            amount: number;
            /** @description Why, as a stable word such as `payer_objected`. */
            code: string;
            /** @description RFC 3339. */
            returned_at: string;
        };
        /** @description Risk control's answer and how it was found. */
        DecisionView: {
            /** @description The channels that may serve the order, best first. */
            channels: string[];
            /** @description The extra columns that the merchant's plugin wants in its books. */
            columns?: components["schemas"]["ColumnView"][];
            /** @description How each question was asked. */
            hooks: components["schemas"]["HooksView"];
            /** @description SHA-256 of the merchant's policy, as it was saved, in hex. */
            policy?: string;
            /** @description Why. */
            reasons: components["schemas"]["ReasonView"][];
            /** @description The merchant's release whose turn it was; absent if the standard plugin decided alone. */
            release?: components["schemas"]["ReleaseView"];
            /**
             * Whether any gateway that is asked the same decides the same, bit for bit. `false` if a hook ended
             *     with `deadline`: the clock stopped the plugin, and where it does depends on the machine.
             */
            replayable: boolean;
            /**
             * Format: int32
             * How risky the order is, from 0.
             */
            score: number;
            /** @description SHA-256 of the settings of the merchant's plugin, in hex; absent if it has none. */
            settings?: string | null;
            /**
             * The split of the amount, as the merchant's plugin says; with the fee at most all of it.
             *     It is booked when the payment is settled.
             */
            shares?: components["schemas"]["ShareView"][];
            /** @description `accept`, or `review`: the order can be paid, and the merchant's share is held back. */
            verdict: components["schemas"]["VerdictView"];
        };
        /** @description Why a try failed. */
        DeclineView: {
            /** @description RFC 3339. */
            at: string;
            /** @description A stable word, such as `shopper_declined`. */
            code: string;
        };
        /** @description How far an event's delivery has come. */
        DeliveryView: {
            /** @description RFC 3339: when a receiver first took it. */
            delivered_at?: string | null;
            /**
             * `waiting`, `delivered`, `gone` (the receiver answered 410), `given_up`, `no_address`, or
             *     `kept` for what is not sent.
             */
            status: string;
            /** @description The tries of the last thirty days, newest first; in the event alone, not in lists. */
            tries?: components["schemas"]["TryView"][] | null;
        };
        /** @description Where a payout goes to: no more of it than tells two apart. */
        DestinationView: {
            /** @description The end of the account's number or name. */
            account: string;
            /** @description `wallet` or `bank_account`. */
            kind: string;
        };
        /** @description Where a contract is not as the one before it. */
        DifferenceView: {
            /** @description The new value; absent if there is none. */
            new?: string;
            /** @description The old value; absent if there was none. */
            old?: string;
            /** @description Where, such as `fees.payout.CNY.fixed`. */
            path: string;
            /** @description Whether it may be worse for the merchant in some case. */
            worse: boolean;
        };
        /** @description A receiver to try. */
        EchoTest: {
            /**
             * Format: uri
             * The merchant's own address if absent.
             */
            notify_url?: string;
        };
        /** @description The events to redeliver. */
        EventRange: {
            /**
             * Format: date-time
             * RFC 3339: events from then.
             * @example 2026-11-18T11:06:40Z
             */
            from: string;
            /**
             * Format: date-time
             * RFC 3339: events before then.
             * @example 2026-11-18T12:06:40Z
             */
            to: string;
            /** @description Of these types; of all if absent. */
            types?: string[];
        };
        /** @description The basis of a fee: it follows from this, the amount and the contract, and from nothing else. */
        FeeBasisView: {
            /**
             * Format: int32
             * The merchant's industry, by its category code of ISO 18245, where the contract has discounts for some.
             */
            category?: number;
            /** @description The promotion that covers the payment, or a part of it. */
            promotion?: components["schemas"]["PromotedView"];
            /** @description The volume of the month before, which reached the tier. */
            volume?: components["schemas"]["VolumeView"];
        };
        /** @description A receiver's answer to one test callback. */
        Finding: {
            /** @description Why there was no answer, in a word: docs/callbacks.md has them all. */
            error?: string | null;
            /** @description `good`, `forged` or `duplicate`. */
            kind: string;
            /**
             * Format: int64
             * Until the answer, or until there was none.
             */
            latency_ms: number;
            /** @description The meaning, in words. */
            note: string;
            /** @description Whether that is right. */
            right: boolean;
            /**
             * Format: int32
             * The status code that it answered with.
             */
            status?: number | null;
        };
        /** @description A quote. */
        FxQuoteView: {
            /** @description The market's rate: an exact decimal. */
            base_rate: string;
            /** @description RFC 3339. */
            created_at: string;
            /** @description As many of `to_currency` as the merchant gets for one of `from_currency`: an exact decimal. */
            exchange_rate: string;
            /** @description Until when an order can use it. RFC 3339. */
            expires_at: string;
            /** @description The currency that the shopper pays. ISO 4217. */
            from_currency: string;
            /** @description `fxq_…` */
            id: string;
            /** @description How long the rate is fixed: `five_minutes`, `hour` or `day`. */
            lock_duration: string;
            /** @description Always `fx_quote`. */
            object: string;
            /** @description The order that used it. */
            order_id?: string;
            /** @description When that was put. RFC 3339. */
            rate_at: string;
            /** @description Where the market's rate is from. */
            rate_source: string;
            /**
             * Format: int32
             * The gateway's part of that, in parts per million.
             */
            spread_ppm: number;
            /** @description `active`, `used` by an order, or `expired`. */
            status: string;
            /** @description The currency that is settled. ISO 4217. */
            to_currency: string;
        };
        /** @description One hook's run. */
        HookView: {
            /** @description Its answer, or what stopped it, in words. */
            detail?: string | null;
            /**
             * Format: int64
             * The fuel that it burnt, in wasmtime's units.
             */
            fuel: number;
            /** @description `ok`, or why the merchant's plugin did not answer. */
            outcome: string;
            /** @description SHA-256 of the plugin that was asked first: the merchant's if it has the hook. */
            plugin: string;
        };
        /** @description The plugins that answered, by hook. */
        HooksView: {
            /** @description The fee. */
            pricing: components["schemas"]["HookView"];
            /** @description Risk. */
            risk: components["schemas"]["HookView"];
            /** @description The channels. */
            routing: components["schemas"]["HookView"];
            split?: components["schemas"]["HookView"] | null;
            statement?: components["schemas"]["HookView"] | null;
        };
        /** @description Monthly parts: the first, and `count - 1` others. Together they are `total`: the amount and the fee. */
        InstalmentsView: {
            /**
             * Format: int32
             * How many parts.
             */
            count: number;
            /**
             * Format: int64
             * Every other part, in minor units.
             */
            each: number;
            /**
             * Format: int64
             * The shopper's fee, in minor units of the order's currency; the channel's, and no part of the order.
             */
            fee: number;
            /**
             * Format: int64
             * The first part, in minor units.
             */
            first: number;
            /**
             * Format: int32
             * The shopper's fee in parts per million of the amount.
             */
            rate_ppm: number;
            /**
             * Format: int64
             * All that they pay, in minor units.
             */
            total: number;
        };
        /** @description One page of a list. */
        List_ContractView: {
            /** @description The items asked for, newest first. */
            data: components["schemas"]["ContractView"][];
            /** @description Whether there is more: ask for it with `next` as `after`. */
            has_more: boolean;
            /** @description The cursor to the next page; absent on the last one. */
            next?: string;
            /** @description Always `list`. */
            object: string;
        };
        /** @description One page of a list. */
        List_FxQuoteView: {
            /** @description The items asked for, newest first. */
            data: components["schemas"]["FxQuoteView"][];
            /** @description Whether there is more: ask for it with `next` as `after`. */
            has_more: boolean;
            /** @description The cursor to the next page; absent on the last one. */
            next?: string;
            /** @description Always `list`. */
            object: string;
        };
        /** @description One page of a list. */
        List_MandateView: {
            /** @description The items asked for, newest first. */
            data: components["schemas"]["MandateView"][];
            /** @description Whether there is more: ask for it with `next` as `after`. */
            has_more: boolean;
            /** @description The cursor to the next page; absent on the last one. */
            next?: string;
            /** @description Always `list`. */
            object: string;
        };
        /** @description One page of a list. */
        List_OpenSettlement: {
            /** @description The items asked for, newest first. */
            data: components["schemas"]["OpenSettlement"][];
            /** @description Whether there is more: ask for it with `next` as `after`. */
            has_more: boolean;
            /** @description The cursor to the next page; absent on the last one. */
            next?: string;
            /** @description Always `list`. */
            object: string;
        };
        /** @description One page of a list. */
        List_OrderView: {
            /** @description The items asked for, newest first. */
            data: components["schemas"]["OrderView"][];
            /** @description Whether there is more: ask for it with `next` as `after`. */
            has_more: boolean;
            /** @description The cursor to the next page; absent on the last one. */
            next?: string;
            /** @description Always `list`. */
            object: string;
        };
        /** @description One page of a list. */
        List_PayoutBatchView: {
            /** @description The items asked for, newest first. */
            data: components["schemas"]["PayoutBatchView"][];
            /** @description Whether there is more: ask for it with `next` as `after`. */
            has_more: boolean;
            /** @description The cursor to the next page; absent on the last one. */
            next?: string;
            /** @description Always `list`. */
            object: string;
        };
        /** @description One page of a list. */
        List_PayoutView: {
            /** @description The items asked for, newest first. */
            data: components["schemas"]["PayoutView"][];
            /** @description Whether there is more: ask for it with `next` as `after`. */
            has_more: boolean;
            /** @description The cursor to the next page; absent on the last one. */
            next?: string;
            /** @description Always `list`. */
            object: string;
        };
        /** @description One page of a list. */
        List_ReceiverView: {
            /** @description The items asked for, newest first. */
            data: components["schemas"]["ReceiverView"][];
            /** @description Whether there is more: ask for it with `next` as `after`. */
            has_more: boolean;
            /** @description The cursor to the next page; absent on the last one. */
            next?: string;
            /** @description Always `list`. */
            object: string;
        };
        /** @description One page of a list. */
        List_RefundView: {
            /** @description The items asked for, newest first. */
            data: components["schemas"]["RefundView"][];
            /** @description Whether there is more: ask for it with `next` as `after`. */
            has_more: boolean;
            /** @description The cursor to the next page; absent on the last one. */
            next?: string;
            /** @description Always `list`. */
            object: string;
        };
        /** @description One page of a list. */
        List_SettlementLine: {
            /** @description The items asked for, newest first. */
            data: components["schemas"]["SettlementLine"][];
            /** @description Whether there is more: ask for it with `next` as `after`. */
            has_more: boolean;
            /** @description The cursor to the next page; absent on the last one. */
            next?: string;
            /** @description Always `list`. */
            object: string;
        };
        /** @description One page of a list. */
        List_SettlementView: {
            /** @description The items asked for, newest first. */
            data: components["schemas"]["SettlementView"][];
            /** @description Whether there is more: ask for it with `next` as `after`. */
            has_more: boolean;
            /** @description The cursor to the next page; absent on the last one. */
            next?: string;
            /** @description Always `list`. */
            object: string;
        };
        /** @description One page of a list. */
        List_SplitView: {
            /** @description The items asked for, newest first. */
            data: components["schemas"]["SplitView"][];
            /** @description Whether there is more: ask for it with `next` as `after`. */
            has_more: boolean;
            /** @description The cursor to the next page; absent on the last one. */
            next?: string;
            /** @description Always `list`. */
            object: string;
        };
        /** @description One page of a list. */
        List_StatementPlanView: {
            /** @description The items asked for, newest first. */
            data: components["schemas"]["StatementPlanView"][];
            /** @description Whether there is more: ask for it with `next` as `after`. */
            has_more: boolean;
            /** @description The cursor to the next page; absent on the last one. */
            next?: string;
            /** @description Always `list`. */
            object: string;
        };
        /** @description One page of a list. */
        List_StatementView: {
            /** @description The items asked for, newest first. */
            data: components["schemas"]["StatementView"][];
            /** @description Whether there is more: ask for it with `next` as `after`. */
            has_more: boolean;
            /** @description The cursor to the next page; absent on the last one. */
            next?: string;
            /** @description Always `list`. */
            object: string;
        };
        /** @description One page of a list. */
        List_StoredEvent: {
            /** @description The items asked for, newest first. */
            data: components["schemas"]["StoredEvent"][];
            /** @description Whether there is more: ask for it with `next` as `after`. */
            has_more: boolean;
            /** @description The cursor to the next page; absent on the last one. */
            next?: string;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A mandate. */
        MandateView: {
            /** @description When they agreed. RFC 3339. */
            activated_at?: string;
            /** @description Until when they may agree. RFC 3339. */
            agree_by: string;
            /** @description Where the shopper agrees. Send them there while it is `pending`. */
            authorize_url?: string;
            /**
             * Format: int64
             * The most that one debit can be now: nothing unless it is active.
             */
            available_amount: number;
            /** @description The channel that it is agreed at. */
            channel: string;
            /** @description RFC 3339. */
            created_at: string;
            /** @description ISO 4217. */
            currency: string;
            /**
             * Format: int32
             * How many debits were made under it.
             */
            debits: number;
            /** @description Why it was declined, as a stable word. */
            decline_code?: string;
            /** @description The text that the shopper agrees to. */
            description: string;
            /** @description When it ended. RFC 3339. */
            ended_at?: string;
            /** @description From when on it is not debited any more. RFC 3339. */
            expires_at: string;
            /** @description `mdt_…`, our id at the channel. */
            id: string;
            /**
             * Format: int64
             * The most of each debit, in minor units of `currency`.
             */
            max_amount: number;
            /** @description The merchant's own number. */
            merchant_mandate_id: string;
            /** @description The method of its debits. */
            method: string;
            /** @description Always `mandate`. */
            object: string;
            /** @description The bound of all debits of a period, if there is one. */
            period?: components["schemas"]["PeriodView"];
            /** @description Where they go afterwards. */
            return_url?: string;
            /** @description The one who took it back: `merchant` or `payer`. */
            revoked_by?: string;
            /** @description `pending`, `active`, `declined`, `revoked` or `expired`. */
            status: string;
        };
        /** @description The amount to be captured: all of it, if nothing is said. */
        NewCapture: {
            /**
             * Format: int64
             * In minor units of `currency`.
             * @example 6000
             */
            amount?: number;
            /**
             * ISO 4217; the order's. Needed beside `amount`.
             * @example CNY
             */
            currency?: string;
        };
        /** @description A charge by the code that a till scanned. */
        NewCharge: {
            /**
             * The code that the shopper shows: good once, for a minute. It is kept nowhere.
             * @example 990000000000000001
             */
            code: string;
        };
        /** @description The shopper, as the merchant knows them. */
        NewCustomer: {
            /** @description ISO 3166-1 alpha-2. */
            country?: string;
            /** @description IPv4 or IPv6. */
            ip?: string;
            /** @description The merchant's own name for the receiver. */
            ref?: string;
        };
        /** @description A debit under a mandate. */
        NewDebit: {
            /**
             * Format: int64
             * How much, in minor units; at most what the mandate allows.
             * @example 4900
             */
            amount: number;
            /**
             * ISO 4217: the mandate's.
             * @example CNY
             */
            currency: string;
            /**
             * The text that the payer reads.
             * @example Tea of May
             */
            description: string;
            /**
             * The merchant's own number of the order, unique among its orders.
             * @example A-2001
             */
            merchant_order_id: string;
            /** @description Remarks of the merchant's own: at most 20, with names of up to 40 characters and texts of up to 200. */
            metadata?: {
                [key: string]: string;
            };
            /**
             * Format: uri
             * Where callbacks go, on a host that the operator allowed; the merchant's own address if absent.
             */
            notify_url?: string;
        };
        /** @description Where a payout goes to. */
        NewDestination: {
            /** @description The account's number or name there. */
            account: string;
            /** @description Whose it is, for the channel to check. */
            holder?: string;
            /**
             * `wallet` or `bank_account`, as the channels offer.
             * @example bank_account
             */
            kind: string;
        };
        /** @description With what. */
        NewDevice: {
            /** @description The merchant's own name for it. */
            id?: string;
            /** @description `phone`, `tablet`, `desktop`, `pos` or `other`. */
            kind?: string;
            /** @description Its system. */
            os?: string;
            /** @description Its browser. */
            user_agent?: string;
        };
        /** @description A quote to be made. */
        NewFxQuote: {
            /**
             * The currency that the shopper pays. ISO 4217.
             * @example USD
             */
            from_currency: string;
            /**
             * How long the rate is fixed: `five_minutes`, `hour` or `day`. The longer, the larger the spread.
             * @example five_minutes
             */
            lock_duration: string;
            /**
             * The currency that is settled. ISO 4217.
             * @example CNY
             */
            to_currency: string;
        };
        /** @description A mandate to be agreed to. */
        NewMandate: {
            /**
             * ISO 4217.
             * @example CNY
             */
            currency: string;
            /**
             * The text that the shopper agrees to.
             * @example Tea of the month
             */
            description: string;
            /**
             * Format: date-time
             * From when on it is not debited any more: a minute to ten years ahead. RFC 3339.
             * @example 2027-11-18T08:00:00Z
             */
            expires_at: string;
            /**
             * Format: int64
             * The most of each debit, in minor units.
             * @example 5000
             */
            max_amount: number;
            /**
             * The merchant's own number, unique among its mandates.
             * @example M-1
             */
            merchant_mandate_id: string;
            /** @description The bound of all debits of a period. If absent, each debit has its bound and all of them have none. */
            period?: components["schemas"]["NewPeriod"];
            /**
             * Format: uri
             * Where the shopper goes afterwards.
             */
            return_url?: string;
        };
        /** @description An order to be made. */
        NewOrder: {
            /**
             * Format: int64
             * Minor units of `currency`.
             * @example 12800
             */
            amount: number;
            /** @description `automatic` (if absent), or `manual`: the amount is authorised only, until it is captured. */
            capture?: string;
            /**
             * ISO 4217.
             * @example CNY
             */
            currency: string;
            /** @description The shopper, as the merchant knows them. */
            customer?: components["schemas"]["NewCustomer"];
            /**
             * The text that the shopper reads.
             * @example Jasmine tea, 100 g
             */
            description: string;
            /** @description With what. */
            device?: components["schemas"]["NewDevice"];
            /**
             * Format: int64
             * Seconds in which the order can be paid; 900 if absent.
             */
            expires_in?: number;
            /**
             * `fxq_…`, a quote for orders in `currency`: the order is settled in the quote's other currency, by its rate, and can
             *     be paid as long as that is fixed.
             * @example fxq_019ab5c0dd000123456789abcdef0123
             */
            fx_quote?: string;
            /**
             * The merchant's own number, unique among its orders.
             * @example A-1001
             */
            merchant_order_id: string;
            /** @description The merchant's own remarks: at most 20. */
            metadata?: {
                [key: string]: string;
            };
            /**
             * The methods to choose from. If absent, all that any page can use: a mini-program's own methods (`wechat_jsapi`,
             *     `alipay_mini`, `douyin_mini`) are offered to an order that names them, and to no other.
             */
            methods?: string[];
            /**
             * Format: uri
             * Where callbacks go; the merchant's own address if absent.
             */
            notify_url?: string;
            /** @description The shopper's identity at the platform whose mini-program or page takes the payment. */
            payer?: components["schemas"]["NewPayer"];
            /**
             * The bearer of a refund once the payment is settled and others have their shares: `merchant` (if absent),
             *     `pro_rata`, or `receiver:` and the name of one that has a share.
             * @example pro_rata
             */
            refund_bearer?: string;
            /**
             * Format: uri
             * Where the shopper goes afterwards.
             */
            return_url?: string;
            /** @description The kind of trade: `ecommerce` (if absent), `o2o`, `counter`, `mini_program`, `cross_border`. */
            scene?: string;
            /**
             * The receivers of parts once it is settled. A plugin that names shares too must name the same. Not with
             *     `split` `later`.
             */
            shares?: components["schemas"]["NewShare"][];
            /**
             * `agreed` (if absent): who shares it is said now, by `shares` or the merchant's plugin, and booked when it is
             *     settled. `later`: what is settled waits for splits.
             * @example agreed
             */
            split?: string;
        };
        /** @description The shopper's ids at platforms. Each is needed by methods of that platform alone: docs/channels.md. */
        NewPayer: {
            /** @description For `alipay_mini`: `buyer_open_id`. */
            alipay_open_id?: string;
            /** @description For `alipay_mini` of older applications: `buyer_id`, 2088…. */
            alipay_user_id?: string;
            /** @description For `wechat_jsapi`: the `openid` under the application that WeChat Pay has bound to the merchant. */
            wechat_openid?: string;
        };
        /** @description A payout to be made. */
        NewPayout: {
            /**
             * Format: int64
             * The amount that arrives, in minor units of `currency`. The fee is taken beside it.
             * @example 10000
             */
            amount: number;
            /**
             * ISO 4217.
             * @example CNY
             */
            currency: string;
            /** @description The text that the recipient reads. */
            description?: string;
            /**
             * Where to; not with `from`. A contract may have a payout wait while its destination is new, which it is
             *     until a payout to it was `paid`.
             */
            destination?: components["schemas"]["NewDestination"];
            /** @description A registered receiver whose available balance it is taken from: it goes to that one's own destination. */
            from?: components["schemas"]["PayoutSource"];
            /**
             * The merchant's own number, unique among its payouts; not one that begins with `settlement:`.
             * @example P-1
             */
            merchant_payout_id: string;
            /**
             * Format: date-time
             * RFC 3339: it is not sent before; at most 90 days ahead.
             */
            not_before?: string;
            /**
             * The receiver whose available balance it is taken from, by the merchant's name; the merchant's own if
             *     absent. Not with `from`.
             */
            receiver?: string;
        };
        /** @description A batch of payouts to be made. */
        NewPayoutBatch: {
            /**
             * ISO 4217; of every item.
             * @example CNY
             */
            currency: string;
            /** @description The payouts. */
            items: components["schemas"]["NewPayoutItem"][];
            /**
             * The merchant's own number, unique among its batches.
             * @example B-1
             */
            merchant_payout_batch_id: string;
            /**
             * Format: date-time
             * RFC 3339: none of them is sent before; at most 90 days ahead.
             */
            not_before?: string;
            /**
             * Format: int64
             * The sum of the items' amounts, in minor units: else nothing is accepted.
             * @example 9000
             */
            total_amount: number;
            /**
             * Format: int32
             * How many items there are: else nothing is accepted.
             * @example 2
             */
            total_count: number;
        };
        /** @description A payout of a batch. */
        NewPayoutItem: {
            /**
             * Format: int64
             * The amount that arrives, in minor units of the batch's currency. The fee is taken beside it.
             * @example 6000
             */
            amount: number;
            /** @description The text that the recipient reads. */
            description?: string;
            /** @description Where to; not with `from`. */
            destination?: components["schemas"]["NewDestination"];
            /** @description A registered receiver whose available balance it is taken from: it goes to that one's own destination. */
            from?: components["schemas"]["PayoutSource"];
            /**
             * The merchant's own number, unique among its payouts; not one that begins with `settlement:`.
             * @example P-1
             */
            merchant_payout_id: string;
            /**
             * The receiver whose available balance it is taken from, by the merchant's name; the merchant's own if
             *     absent. Not with `from`.
             */
            receiver?: string;
        };
        /** @description The bound of all debits of a period. The first one begins when the shopper agrees. */
        NewPeriod: {
            /**
             * Format: int32
             * Its length, in days of 24 hours.
             * @example 30
             */
            days: number;
            /**
             * Format: int64
             * The most that is debited in each, in minor units.
             * @example 9000
             */
            max_amount: number;
        };
        /** @description A receiver to be registered. */
        NewReceiver: {
            /** @description Where payouts from its balance go. */
            destination?: components["schemas"]["NewDestination"];
            /**
             * `merchant`, `company` or `person`.
             * @example company
             */
            kind: string;
            /**
             * The merchant's name for it, as shares have it. It stays its own for good.
             * @example courier
             */
            name: string;
        };
        /** @description A refund to be made. */
        NewRefund: {
            /**
             * Format: int64
             * The amount that the shopper gets back, in minor units of `currency`.
             * @example 6000
             */
            amount: number;
            /**
             * ISO 4217; the order's.
             * @example CNY
             */
            currency: string;
            /**
             * The merchant's own number, unique among its refunds.
             * @example R-1
             */
            merchant_refund_id: string;
            /** @description Why, in the merchant's words. */
            reason?: string;
        };
        /** @description A share to be given back, whole or in part. */
        NewReturn: {
            /**
             * Format: int64
             * In minor units of the split's currency.
             * @example 500
             */
            amount: number;
            /**
             * The merchant's own number, unique among its returns.
             * @example T-1
             */
            merchant_return_id: string;
            /**
             * The receiver of the share, by the merchant's name.
             * @example courier
             */
            receiver: string;
        };
        /** @description A part of an order that somebody is to have. */
        NewShare: {
            /**
             * Format: int64
             * In minor units of the order's currency.
             * @example 3000
             */
            amount: number;
            /**
             * The merchant's name for who gets it, registered or not.
             * @example courier
             */
            receiver: string;
        };
        /** @description A split to be made. */
        NewSplit: {
            /** @description Whether what is left is the merchant's to take out afterwards. Not if a share failed. */
            finish?: boolean;
            /**
             * The merchant's own number, unique among its splits.
             * @example S-1
             */
            merchant_split_id: string;
            /**
             * `all_or_nothing` (if absent): it is refused if a share cannot be. `partial`: those that can be are booked.
             * @example all_or_nothing
             */
            mode?: string;
            /** @description The shares, each of another receiver. */
            shares: components["schemas"]["NewShare"][];
        };
        /** @description A statement to be made. */
        NewStatement: {
            /**
             * Its columns, in this order; all of its type if absent. `orders.1` also has `plugin.<name>`: what the merchant's
             *     plugin wanted beside the order. `record` and `note` come last unless they are named.
             * @example [
             *       "at",
             *       "reference",
             *       "net"
             *     ]
             */
            columns?: string[];
            /**
             * `csv` (RFC 4180) or `jsonl`.
             * @example csv
             */
            format: string;
            /**
             * The first moment in it: RFC 3339, or a day of `zone`. Of `settlement.1`: batches that were closed then or later.
             * @example 2026-11-01
             */
            from?: string;
            /** @description `stl_…`: one settlement batch in place of `from` and `to`, of `settlement.1`. */
            settlement?: string;
            /**
             * The first moment behind it, at most 400 days later and at least 10 seconds ago.
             * @example 2026-12-01
             */
            to?: string;
            /**
             * `account.1`: opening, each movement and closing of the merchant's accounts; `orders.1`: payments, refunds and
             *     voids; `settlement.1`: settlement batches, line by line.
             * @example orders.1
             */
            type: string;
            /**
             * The IANA zone of days and times in it; `UTC` if absent.
             * @example Asia/Shanghai
             */
            zone?: string;
        };
        /** @description A plan of statements. */
        NewStatementPlan: {
            /** @description As of a statement. */
            columns?: string[];
            /**
             * `csv` or `jsonl`.
             * @example csv
             */
            format: string;
            /**
             * `day`, `week` (from Monday on) or `month`.
             * @example month
             */
            period: string;
            /**
             * `on` or `off`; `on` if absent.
             * @example on
             */
            status?: string;
            /**
             * `account.1`, `orders.1` or `settlement.1`.
             * @example orders.1
             */
            type: string;
            /**
             * The IANA zone of periods and times; `UTC` if absent.
             * @example Asia/Shanghai
             */
            zone?: string;
        };
        /** @description A batch that is not closed yet: what it would be if it were. */
        OpenSettlement: {
            /**
             * Format: int64
             * It has the ledger's entries after this one.
             */
            after_entry: number;
            /** @description Why nothing would be paid: `manual`, `nothing_available`, `below_minimum` or `limits`. */
            carried_because?: string;
            /** @description RFC 3339: when it will be closed; absent if nobody can say, for its calendar does not know. */
            closes_at?: string;
            /**
             * Format: int64
             * The merchant's balance now.
             */
            closing: number;
            /** @description ISO 4217. */
            currency: string;
            /**
             * Format: int64
             * The fee of that payout.
             */
            fee: number;
            /**
             * Format: int64
             * How many of them touch the balance.
             */
            lines: number;
            /** @description Always `open_settlement`. */
            object: string;
            /**
             * Format: int64
             * The merchant's balance before, in minor units; less than zero if it owed.
             */
            opening: number;
            /**
             * Format: int64
             * The amount that would be paid out of it now.
             */
            pays: number;
        };
        /** @description How an order is settled in another currency. */
        OrderFxView: {
            /** @description The market's rate: an exact decimal. */
            base_rate: string;
            /**
             * Format: int64
             * The value of what was captured and not voided, in minor units of `currency`.
             */
            captured_value: number;
            /** @description The currency that is settled. ISO 4217. */
            currency: string;
            /** @description As many of `currency` as the merchant gets for one of the order's: an exact decimal. */
            exchange_rate: string;
            /** @description `fxq_…`, the quote that it used. */
            quote: string;
            /**
             * Format: int64
             * The part of that which refunds took back, those under way included, in minor units of `currency`.
             */
            refunded_value: number;
            /**
             * Format: int32
             * The gateway's part of that, in parts per million.
             */
            spread_ppm: number;
            /**
             * Format: int64
             * The value of the amount by `exchange_rate`, rounded down to minor units of `currency`: what is settled of it is
             *     that, less the fee.
             */
            value: number;
        };
        /** @description An order. */
        OrderView: {
            /**
             * Format: int64
             * The amount that the shopper pays, in minor units of `currency`.
             */
            amount: number;
            /** @description When the shopper agreed, if the capture is manual. RFC 3339. */
            authorized_at?: string | null;
            /** @description `automatic`: the money moves when the shopper agrees; `manual`: when the merchant captures. */
            capture: string;
            /**
             * Format: int64
             * The amount captured and not voided, in minor units.
             */
            captured_amount: number;
            checkout?: components["schemas"]["CheckoutView"] | null;
            /** @description `merchant`, `expired`, or `declined` for a debit. */
            close_reason?: string | null;
            /** @description RFC 3339. */
            closed_at?: string | null;
            /** @description RFC 3339. */
            created_at: string;
            /** @description ISO 4217. */
            currency: string;
            debit_return?: components["schemas"]["DebitReturnView"] | null;
            /** @description The decision of risk control and routing. */
            decision: components["schemas"]["DecisionView"];
            /** @description The text that the shopper reads. */
            description: string;
            /** @description RFC 3339. */
            expires_at: string;
            /**
             * Format: int64
             * The merchant's fee, in minor units; in `fx.currency` if the order is settled in another currency.
             */
            fee: number;
            /** @description The basis of the fee, if that is more than the amount and a rate of the contract. */
            fee_basis?: components["schemas"]["FeeBasisView"];
            /**
             * How it is settled in another currency than `currency`, if it is. `fee`, `settled_amount`, shares and all else
             *     that its merchant gets or owes for it is in that one.
             */
            fx?: components["schemas"]["OrderFxView"];
            /** @description `ord_…` */
            id: string;
            last_decline?: components["schemas"]["DeclineView"] | null;
            /** @description The mandate that it is a debit under, if it is one: then `scene` is `agreement`. */
            mandate?: string | null;
            /** @description The merchant's own number. */
            merchant_order_id: string;
            /** @description The merchant's own remarks. */
            metadata: {
                [key: string]: string;
            };
            /** @description The methods they may choose. */
            methods: string[];
            /** @description The items that a person must look at, such as `refund` or `amount`; absent but for rare trouble. */
            needs_attention?: components["schemas"]["AttentionView"][];
            /** @description Always `order`. */
            object: string;
            /** @description RFC 3339. */
            paid_at?: string | null;
            payment?: components["schemas"]["PaymentView"] | null;
            /**
             * The bearer of a refund once the payment is settled: `merchant`, `pro_rata` or `receiver:NAME`.
             *     Absent for an order that is shared with nobody.
             */
            refund_bearer?: string | null;
            /**
             * Format: int64
             * The amount that can still be refunded, in minor units.
             */
            refundable_amount: number;
            /**
             * Format: int64
             * The amount refunded, in minor units.
             */
            refunded_amount: number;
            /**
             * Format: int64
             * The amount of refunds under way, in minor units.
             */
            refunding_amount: number;
            /** @description The part of the payment that is kept back for a while, if the contract keeps one. */
            reserve?: components["schemas"]["ReserveView"];
            /** @description Where the shopper goes afterwards. */
            return_url?: string | null;
            review?: components["schemas"]["ReviewView"] | null;
            /** @description The kind of trade. */
            scene: string;
            /**
             * Format: int64
             * The merchant's part of it: to take out, or to be split if the order is split later. Minor units.
             */
            settled_amount?: number | null;
            /** @description When the payment became the merchant's to take out. RFC 3339. */
            settled_at?: string | null;
            /**
             * The others' parts of it. Of `shares` as much as there was left of the whole, rounded
             *     down.
             */
            settled_shares?: components["schemas"]["ShareView"][];
            /** @description The receivers of parts once it is settled: as the merchant said, or `decision.shares`. */
            shares?: components["schemas"]["ShareView"][];
            /** @description `later` for an order that is split once it is settled; absent for any other. */
            split?: string | null;
            /**
             * Format: int64
             * The cost of sharing it at the settlement, to the merchant, if the contract takes something. Minor units.
             */
            split_fee?: number;
            /** @description When its splitting was finished, and what was left became the merchant's to take out. RFC 3339. */
            split_finished_at?: string | null;
            /** @description `created`, `paying`, `authorized`, `capturing`, `paid`, `voiding`, `voided` or `closed`. */
            status: string;
            /**
             * Format: int64
             * The part of an order that is split later which waits to be split now. Minor units.
             */
            unsplit_amount?: number | null;
            /** @description RFC 3339. */
            voided_at?: string | null;
        };
        /** @description A try to pay. */
        PaymentView: {
            /** @description `att_…`, our id at the channel. */
            attempt: string;
            /** @description The channel. */
            channel: string;
            /** @description The channel's own number, once paid. */
            channel_ref?: string | null;
            /** @description The merchant's own account there that the money goes to; absent if it goes to the platform's. */
            direct_account?: string;
            instalments?: components["schemas"]["InstalmentsView"] | null;
            /** @description The method. */
            method: string;
        };
        /** @description A batch of payouts. */
        PayoutBatchView: {
            /** @description The second person's decision, if one was needed. */
            approval?: components["schemas"]["ApprovalView"];
            /**
             * Count and sum of each state that a payout of it is in now. A payout that came back after the batch
             *     was closed is `returned` here.
             */
            by_status: components["schemas"]["TallyView"][];
            /** @description RFC 3339: when the last of its payouts ended. */
            closed_at?: string;
            /**
             * Format: int32
             * The number of the contract that fees and limits come from; 0 is the standard.
             */
            contract: number;
            /** @description RFC 3339. */
            created_at: string;
            /** @description ISO 4217. */
            currency: string;
            /**
             * Format: int64
             * The sum of their fees, in minor units.
             */
            fee: number;
            /** @description `pob_…` */
            id: string;
            /** @description The merchant's own number. */
            merchant_payout_batch_id: string;
            /** @description Always `payout_batch`. */
            object: string;
            /** @description `needs_approval`, `open`, or `closed` once every payout of it has ended. */
            status: string;
            /**
             * Format: int64
             * The sum of the amounts of its payouts, in minor units.
             */
            total_amount: number;
            /**
             * Format: int32
             * How many they are.
             */
            total_count: number;
        };
        /** @description Why a payout failed, came back or was called off. */
        PayoutFailureView: {
            /** @description RFC 3339. */
            at: string;
            /** @description A stable word, such as `account_closed`, or `cancelled_by_merchant`. */
            code: string;
        };
        /** @description The owner of a payout's money. */
        PayoutSource: {
            /** @description `rcv_…` */
            receiver: string;
        };
        /** @description A payout. */
        PayoutView: {
            /**
             * Format: int64
             * The amount that arrives, in minor units of `currency`.
             */
            amount: number;
            /** @description The second person's decision, if one was needed. */
            approval?: components["schemas"]["ApprovalView"];
            /** @description Items that a person must look at: `silence`, `amount` or `contradiction`; empty but for rare trouble. */
            attention: string[];
            /** @description The channel's own number for it. */
            channel_ref?: string;
            /**
             * Format: int32
             * The number of the contract that its fee and limits come from; 0 is the standard.
             */
            contract: number;
            /** @description RFC 3339. */
            created_at: string;
            /** @description ISO 4217. */
            currency: string;
            /** @description The text that the recipient reads. */
            description?: string;
            /** @description Where to. */
            destination: components["schemas"]["DestinationView"];
            /** @description Why it failed, came back or was called off. */
            failure?: components["schemas"]["PayoutFailureView"];
            /**
             * Format: int64
             * The fee on top of the amount, in minor units.
             */
            fee: number;
            /** @description `po_…` */
            id: string;
            /** @description The merchant's own number. */
            merchant_payout_id: string;
            /** @description RFC 3339: it is not sent before. */
            not_before: string;
            /** @description Always `payout`. */
            object: string;
            /** @description RFC 3339: when the channel said that it arrived. It may still be `returned`. */
            paid_at?: string;
            /** @description The batch that it was accepted with, if one. */
            payout_batch_id?: string;
            /** @description Whose available balance it is taken from, if not the merchant's own. */
            receiver?: string;
            /** @description RFC 3339: when the channel was first asked. From then on it cannot be called off. */
            sent_at?: string;
            /** @description The settlement batch that it pays, if one does. */
            settlement_id?: string;
            /** @description `needs_approval`, `accepted`, `queued`, `sent`, `unknown`, `paid`, `failed`, `returned` or `cancelled`. */
            status: string;
        };
        /** @description The bound of all debits of a period. The first one begins when the shopper agrees. */
        PeriodView: {
            /**
             * Format: int32
             * Its length, in days of 24 hours.
             */
            days: number;
            /**
             * Format: int64
             * The most that is debited in each, in minor units.
             */
            max_amount: number;
        };
        /** @description A problem (RFC 9457). */
        ProblemView: {
            /**
             * Format: int64
             * The amount left, in minor units, if more was asked for.
             */
            available?: number;
            /**
             * A stable word.
             * @enum {string}
             */
            code: "signature_missing" | "signature_malformed" | "signature_invalid" | "signature_expired" | "nonce_reused" | "key_unknown" | "digest_missing" | "digest_mismatch" | "component_missing" | "token_invalid" | "cross_site" | "body_too_large" | "body_too_slow" | "body_broken" | "header_too_large" | "unsupported_media_type" | "unsupported_content_encoding" | "not_json" | "too_deep" | "unknown_field" | "missing_field" | "invalid_field" | "idempotency_key_missing" | "idempotency_key_invalid" | "idempotency_key_reused" | "request_in_progress" | "merchant_order_id_taken" | "order_not_found" | "order_state" | "refund_not_found" | "merchant_refund_id_taken" | "refund_exceeds_available" | "capture_exceeds_authorized" | "too_many_refunds" | "too_many_voids" | "order_settled" | "order_refunded" | "order_not_held" | "review_closed" | "debit_returned" | "mandate_not_found" | "mandate_state" | "merchant_mandate_id_taken" | "debit_above_mandate" | "receiver_not_found" | "receiver_name_taken" | "receiver_removed" | "split_ambiguous" | "split_not_found" | "split_state" | "split_exceeds_available" | "merchant_split_id_taken" | "too_many_splits" | "merchant_return_id_taken" | "return_exceeds_split" | "too_many_returns" | "payout_not_found" | "payout_state" | "payout_decided" | "merchant_payout_id_taken" | "payout_batch_not_found" | "merchant_payout_batch_id_taken" | "payout_batch_totals" | "insufficient_funds" | "payout_limit_exceeded" | "payout_not_agreed" | "fx_quote_not_found" | "fx_quote_used" | "fx_quote_expired" | "fx_rate_missing" | "fx_rate_stale" | "fx_lock_not_offered" | "fx_amount_out_of_range" | "settlement_not_found" | "bill_not_found" | "bill_refused" | "difference_state" | "approver_is_resolver" | "difference_without_amount" | "channel_disagrees" | "contract_number" | "contract_date" | "contract_notice" | "currency_mismatch" | "order_expired" | "too_many_attempts" | "method_unavailable" | "paid_directly" | "credentials_refused" | "code_refused" | "limit_exceeded" | "risk_denied" | "session_not_found" | "session_taken" | "session_replaced" | "too_many_sessions" | "session_unclaimed" | "session_expired" | "client_secret_invalid" | "plugin_refused" | "release_malformed" | "release_key_unknown" | "release_signature_invalid" | "release_of_another" | "release_digest_mismatch" | "release_replayed" | "release_contract" | "release_limits" | "release_hooks" | "release_not_found" | "release_stage" | "event_not_found" | "event_not_sent" | "too_many_events" | "statement_not_found" | "statement_not_ready" | "statement_failed" | "statement_expired" | "range_not_satisfiable" | "too_many_statements" | "statement_plan_not_found" | "too_many_plans" | "notify_url_refused" | "not_found" | "misdirected" | "method_not_allowed" | "channel_unavailable" | "rate_limited" | "overloaded" | "internal";
            /**
             * Format: int32
             * How many items a batch has, if its totals say otherwise.
             */
            count?: number;
            /** @description Why risk control denies. */
            decision?: Record<string, unknown>;
            /** @description The form that would be right. */
            detail: string;
            /** @description The field at fault. */
            field?: string;
            /**
             * Format: int64
             * The contract's limit, in minor units.
             */
            limit?: number;
            /** @description The order that has the number already. */
            order_id?: string;
            /** @description The order's status, if that is in the way. */
            order_status?: string;
            /** @description The batch of payouts that has the number already. */
            payout_batch_id?: string;
            /** @description The payout that has the number already. */
            payout_id?: string;
            /** @description The payout's status, if that is in the way. */
            payout_status?: string;
            /** @description The refund that has the number already. */
            refund_id?: string;
            /** @description The request's id, for support. */
            request_id: string;
            /**
             * `never`, `same_key`, `query_first` or `later`.
             * @enum {string}
             */
            retry: "never" | "same_key" | "query_first" | "later";
            /** @description The signature base that should have been signed (RFC 9421, section 2.5). */
            signature_base?: string;
            /**
             * Format: int32
             * The status code.
             */
            status: number;
            /**
             * Format: int64
             * The sum of a batch's items, in minor units, if its totals say otherwise.
             */
            sum?: number;
            /** @description The meaning of the code. */
            title: string;
            /** @description `/reference#<code>`: the code in the gateway's own reference. */
            type: string;
        };
        /** @description The part of a payment that a promotion covers. */
        PromotedView: {
            /**
             * Format: int64
             * The part of the amount that has the promotion's rate, in minor units.
             */
            amount: number;
            /** @description The promotion's name in the contract. */
            name: string;
        };
        /** @description One reason for a score. */
        ReasonView: {
            /** @description A stable word. */
            code: string;
            /** @description For people. */
            message: string;
        };
        /** @description A receiver. */
        ReceiverView: {
            /** @description The amounts that are `available` to it and that it `owes`, in each currency that it knows. */
            balances: components["schemas"]["BalanceView"][];
            /** @description RFC 3339. */
            created_at: string;
            /** @description Where payouts to it go, if the merchant said so. */
            destination?: components["schemas"]["DestinationView"];
            /** @description `rcv_…` */
            id: string;
            /** @description `merchant`, `company` or `person`. */
            kind: string;
            /** @description The merchant's own name for it, as shares have it. */
            name: string;
            /** @description Always `receiver`. */
            object: string;
            /** @description RFC 3339. */
            removed_at?: string;
            /** @description `active`, or `removed`: it gets no new shares and keeps its balance. */
            status: string;
        };
        /** @description The number of events that are redelivered. */
        Redelivery: {
            /**
             * Format: int32
             * How many events.
             */
            events: number;
            /** @description Always `redelivery`. */
            object: string;
        };
        /** @description The part of a refund that was taken in another currency. */
        RefundFxView: {
            /** @description The currency that is settled. ISO 4217. */
            currency: string;
            /**
             * Format: int64
             * The value that it takes back, by the rate of the payment, in minor units of `currency`. The fee that comes back
             *     is a part of it.
             */
            value: number;
        };
        /** @description A refund. */
        RefundView: {
            /**
             * Format: int64
             * The amount that the shopper gets back, in minor units of `currency`.
             */
            amount: number;
            /** @description RFC 3339. */
            created_at: string;
            /** @description ISO 4217. */
            currency: string;
            /** @description When the channel said so. RFC 3339. */
            ended_at?: string | null;
            /** @description Why it failed, as a stable word. */
            failure?: string | null;
            /**
             * Format: int64
             * The part of the payment's fee that the merchant gets back, in minor units; in `fx.currency` if the order is
             *     settled in another currency.
             */
            fee: number;
            /**
             * The part that it takes back in the settled currency, if the order is settled in another than its own. `shares`
             *     and `refund_fee` are in that one, too.
             */
            fx?: components["schemas"]["RefundFxView"];
            /** @description `rfd_…`, our id at the channel. */
            id: string;
            /** @description The merchant's own number. */
            merchant_refund_id: string;
            /** @description Always `refund`. */
            object: string;
            /** @description The order it belongs to. */
            order_id: string;
            /** @description Why, in the merchant's words. */
            reason?: string | null;
            /**
             * Format: int64
             * The cost of the refund itself, to the merchant, if the contract takes something. Minor units.
             */
            refund_fee?: number;
            /** @description The parts of it that others than the merchant bear. Minor units. */
            shares?: components["schemas"]["ShareView"][];
            /** @description `pending`, `succeeded` or `failed`. */
            status: string;
        };
        /** @description A release of a merchant's plugin, as it stood when it was asked. */
        ReleaseView: {
            /** @description SHA-256 of the component, in hex. */
            digest: string;
            /** @description The plugin's name. */
            plugin: string;
            /**
             * Format: int64
             * The number of the release.
             */
            sequence: number;
            /** @description `live`, `canary` or `shadow`. */
            stage: string;
            /** @description Its version. */
            version: string;
        };
        /** @description The result of testing a receiver. */
        Report: {
            /** @description The good one, the forged one, the repeat. */
            callbacks: components["schemas"]["Finding"][];
            /** @description Always `endpoint_test`. */
            object: string;
            /** @description Whether each was answered as it should be. */
            passed: boolean;
            /** @description Where the callbacks went. */
            url: string;
        };
        /** @description The reserve of a payment. */
        ReserveView: {
            /**
             * Format: int64
             * As much was kept back, in minor units; absent until then.
             */
            amount?: number;
            /**
             * Format: int32
             * For so many days from when the payment is the merchant's.
             */
            days: number;
            /**
             * Format: int32
             * Parts per million.
             */
            rate_ppm: number;
            /** @description RFC 3339: when that was. */
            released_at?: string;
            /**
             * Format: int64
             * As much is kept back now: refunds are taken from it first.
             */
            remaining_amount?: number;
            /** @description RFC 3339: what is left then is to be taken out. */
            until?: string;
        };
        /** @description A review: until it is closed the merchant's share is held. */
        ReviewView: {
            /** @description When it was decided. RFC 3339. */
            at?: string | null;
            /** @description Why, in the operator's words. */
            reason?: string | null;
            /** @description `open` or `closed`. */
            status: string;
            /**
             * `approved` or `refused`; absent while it is open, and if the payment went back before anybody
             *     decided.
             */
            verdict?: string | null;
        };
        /** @description A line of a settlement batch: an entry of the ledger that touches the balance. */
        SettlementLine: {
            /**
             * Format: int64
             * In minor units: more than zero if the balance rose.
             */
            amount: number;
            /** @description RFC 3339. */
            booked_at: string;
            /** @description ISO 4217. */
            currency: string;
            /**
             * Format: int64
             * The entry's number.
             */
            entry: number;
            /** @description The kind of entry, such as `settlement`, `refund_request` or `payout_request`. */
            kind: string;
            /** @description The order or payout that it belongs to. */
            subject: string;
        };
        /** @description A settlement batch. */
        SettlementView: {
            /**
             * Format: int64
             * It has the ledger's entries after this one.
             */
            after_entry: number;
            /** @description The digest of the calendar that it was closed by, if one counts. */
            calendar?: string;
            /**
             * Format: int64
             * The amount carried into the next: `closing` less `paid` and `fee`.
             */
            carried: number;
            /** @description Why nothing is paid: `manual`, `nothing_available`, `below_minimum` or `limits`. */
            carried_because?: string;
            /** @description RFC 3339. */
            closed_at: string;
            /**
             * Format: int64
             * The merchant's balance after.
             */
            closing: number;
            /**
             * Format: int32
             * The contract by which it was closed.
             */
            contract: number;
            /** @description ISO 4217. */
            currency: string;
            /** @description RFC 3339. */
            cut_off: string;
            /** @description The day that its cut-off ends, such as `2026-11-18`. */
            day: string;
            /**
             * Format: int64
             * The fee of that payout.
             */
            fee: number;
            /** @description `stl_…` */
            id: string;
            /** @description It was closed more than an hour after its cut-off. */
            late: boolean;
            /**
             * Format: int64
             * How many of them touch the balance.
             */
            lines: number;
            /**
             * Format: int64
             * The sum of the lines.
             */
            net: number;
            /** @description Always `settlement`. */
            object: string;
            /**
             * Format: int64
             * The merchant's balance before, in minor units; less than zero if it owed.
             */
            opening: number;
            /**
             * Format: int64
             * The amount paid out of it.
             */
            paid: number;
            /** @description The payout. */
            payout_id?: string;
            /**
             * `paid`: a payout of it was accepted, whose own status says whether it arrived; or `carried` into
             *     the next.
             */
            status: string;
            /**
             * Format: int64
             * And up to this one.
             */
            to_entry: number;
        };
        /** @description A part of the amount that is somebody else's than the merchant's. */
        ShareView: {
            /**
             * Format: int64
             * In minor units of the order's currency.
             */
            amount: number;
            /** @description The merchant's own name for who gets it. */
            receiver: string;
        };
        /** @description One share of a split. */
        SplitItemView: {
            /**
             * Format: int64
             * In minor units of the order's currency.
             */
            amount: number;
            /** @description Why it failed: `exceeds_unsplit` or `receiver_removed`. */
            failure?: string | null;
            /** @description The merchant's own name for who gets it. */
            receiver: string;
            /** @description `succeeded` or `failed`. */
            status: string;
        };
        /** @description A share that a receiver gives back, whole or in part. */
        SplitReturnView: {
            /**
             * Format: int64
             * In minor units of `currency`.
             */
            amount: number;
            /** @description RFC 3339. */
            created_at: string;
            /** @description ISO 4217. */
            currency: string;
            /** @description Why it failed: `balance_short`, as the receiver has not as much available. */
            failure?: string | null;
            /** @description `spr_…` */
            id: string;
            /** @description The merchant's own number. */
            merchant_return_id: string;
            /** @description Always `split_return`. */
            object: string;
            /** @description The order. */
            order_id: string;
            /** @description The merchant's own name for who gives it back. */
            receiver: string;
            /** @description The split. */
            split_id: string;
            /** @description `succeeded` or `failed`. */
            status: string;
        };
        /** @description A split of a settled payment. */
        SplitView: {
            /** @description RFC 3339. */
            created_at: string;
            /** @description ISO 4217. */
            currency: string;
            /**
             * Format: int64
             * The cost of the split, to the merchant, if the contract takes something. Minor units.
             */
            fee?: number;
            /** @description `spl_…` */
            id: string;
            /** @description Its shares, as they were asked for. */
            items: components["schemas"]["SplitItemView"][];
            /** @description The merchant's own number. */
            merchant_split_id: string;
            /** @description `all_or_nothing` or `partial`. */
            mode: string;
            /** @description Always `split`. */
            object: string;
            /** @description The order it belongs to. */
            order_id: string;
            /** @description Its returns, failed ones included, oldest first. */
            returns: components["schemas"]["SplitReturnView"][];
            /**
             * Format: int64
             * The part of the order that waits to be split now, with all splits and refunds counted. Minor units.
             */
            unsplit_amount: number;
        };
        /** @description A plan of statements. */
        StatementPlanView: {
            /** @description The columns that were named; absent if its statements have all of their type. */
            columns?: string[];
            /** @description `csv` or `jsonl`. */
            format: string;
            /** @description The statement that was made last. */
            last_statement?: string;
            /** @description The merchant's name for it. */
            name: string;
            /** @description RFC 3339: when the period ends whose statement is made next; absent if it is off. */
            next_end?: string;
            /** @description Always `statement_plan`. */
            object: string;
            /** @description `day`, `week` (from Monday on) or `month`. */
            period: string;
            /** @description `on` or `off`. */
            status: string;
            /** @description The type of its statements: `account.1`, `orders.1` or `settlement.1`. */
            type: string;
            /** @description RFC 3339: when it was changed last. */
            updated_at: string;
            /** @description The IANA zone that periods and times are in. */
            zone: string;
        };
        /** @description A statement. */
        StatementView: {
            /**
             * Format: int64
             * It has the ledger's entries after this one …
             */
            after_entry: number;
            /** @description The columns that were named; absent if it has all of its type. */
            columns?: string[];
            /** @description The content, once it is `ready`. */
            content?: components["schemas"]["ContentView"];
            /** @description RFC 3339: its bytes are kept until then. Asked for again after that, it has the same bytes. */
            content_until: string;
            /** @description RFC 3339. */
            created_at: string;
            /**
             * Why it cannot be made: `too_large` has more than a million lines, `inconsistent` does not add up and is for the
             *     operator, and so is `internal`.
             */
            failed_because?: string;
            /** @description `csv` or `jsonl`. */
            format: string;
            /** @description RFC 3339: the first moment in it; absent if it is of one settlement batch. */
            from?: string;
            /** @description `stm_…` */
            id: string;
            /** @description Always `statement`. */
            object: string;
            /** @description The plan that it was made by, if it was. */
            plan?: string;
            /** @description The settlement batch that it is of, if it is of one. */
            settlement_id?: string;
            /** @description `making`, `ready` or `failed`. */
            state: string;
            /** @description RFC 3339: the first moment behind it. */
            to?: string;
            /** @description The type: `account.1`, `orders.1` or `settlement.1`. */
            type: string;
            /**
             * Format: int64
             * … up to and with this one.
             */
            until_entry: number;
            /** @description The IANA zone that its times are in. */
            zone: string;
        };
        /** @description An event as it is kept. */
        StoredEvent: {
            /** @description RFC 3339. */
            created_at: string;
            /** @description As in the callback. */
            data: Record<string, unknown>;
            /** @description How far its delivery has come. */
            delivery: components["schemas"]["DeliveryView"];
            /** @description `evt_…` */
            id: string;
            /** @description The merchant that is notified. */
            merchant: string;
            /** @description The order it is about; none if it is about an address of the merchant's. */
            order_id?: string | null;
            /**
             * Format: int32
             * 1 for the first event of the order, and so on; 0 without an order.
             */
            sequence: number;
            /** @description Such as `order.paid`; `docs/callbacks.md` has them all. */
            type: string;
        };
        /** @description The part of a batch that is in one state. */
        TallyView: {
            /**
             * Format: int64
             * The sum of their amounts, in minor units.
             */
            amount: number;
            /**
             * Format: int32
             * How many they are.
             */
            count: number;
            /** @description The state of the payouts. */
            status: string;
        };
        /** @description The sums of a currency's lines. */
        TotalView: {
            /** @description ISO 4217. */
            currency: string;
            /** @description The fee in it. */
            fee_minor: string;
            /** @description The amount that shoppers paid, less what went back, in minor units. A text, for a sum may be more than a number of JSON's. */
            gross_minor: string;
            /**
             * Format: int64
             * How many lines.
             */
            lines: number;
            /** @description Gross less fee. */
            net_minor: string;
        };
        /** @description A try to deliver. */
        TryView: {
            /** @description The first 256 bytes of the answer, with what may tell of a person masked. */
            answer: string;
            /** @description RFC 3339. */
            at: string;
            /**
             * Format: int32
             * 1 for the first, and so on.
             */
            attempt: number;
            /** @description Why there was no answer, in a word: docs/callbacks.md has them all. */
            error?: string | null;
            /** @description The host it went to. */
            host: string;
            /**
             * Format: int32
             * Until the answer, or until there was none.
             */
            latency_ms: number;
            /**
             * Format: int32
             * The status code of the receiver's response.
             */
            status?: number | null;
        };
        /**
         * Risk control's verdict.
         * @enum {string}
         */
        VerdictView: "accept" | "review" | "deny";
        /** @description The captures of a month, less what was refunded and voided in it. */
        VolumeView: {
            /**
             * Format: int64
             * In minor units of the order's currency.
             */
            amount: number;
            /** @description Such as `2026-10`, in the zone of the contract. */
            month: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    balances_find: {
        parameters: {
            query?: {
                /**
                 * RFC 3339, not after now; now if absent.
                 * @example 2026-11-18T00:00:00Z
                 */
                at?: string;
                /**
                 * Whom the merchant shares with, by the merchant's name: then the balances are that receiver's.
                 * @example tea
                 */
                receiver?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The balances */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "at": "2026-11-18T00:00:00.000Z",
                     *       "data": [
                     *         {
                     *           "account": "available",
                     *           "amount": 0,
                     *           "currency": "CNY",
                     *           "exact": "0"
                     *         },
                     *         {
                     *           "account": "owes",
                     *           "amount": 9000,
                     *           "currency": "CNY",
                     *           "exact": "9000"
                     *         },
                     *         {
                     *           "account": "pending",
                     *           "amount": 12723,
                     *           "currency": "CNY",
                     *           "exact": "12723"
                     *         }
                     *       ],
                     *       "object": "balances"
                     *     }
                     */
                    "application/json": components["schemas"]["BalancesView"];
                };
            };
        };
    };
    settlements_contracts_of_merchant: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "announced_at": "2026-11-18T08:00:00.000Z",
                     *           "contract": {
                     *             "cycle": {
                     *               "days": 1,
                     *               "kind": "business_days"
                     *             },
                     *             "day": {
                     *               "calendar": "cn",
                     *               "cut_off": "16:00",
                     *               "zone": "Asia/Shanghai"
                     *             },
                     *             "fees": {
                     *               "payment": [
                     *                 {
                     *                   "currency": "CNY",
                     *                   "min": 1,
                     *                   "rate_ppm": 3800,
                     *                   "rounding": "half_up"
                     *                 }
                     *               ],
                     *               "payout": [
                     *                 {
                     *                   "currency": "CNY",
                     *                   "fixed": 100,
                     *                   "rate_ppm": 0,
                     *                   "rounding": "down"
                     *                 }
                     *               ]
                     *             },
                     *             "payouts": {
                     *               "fee_returned": false,
                     *               "limits": [
                     *                 {
                     *                   "approval_above": 1000000,
                     *                   "currency": "CNY",
                     *                   "day_max": 20000000,
                     *                   "max": 5000000,
                     *                   "min": 100
                     *                 }
                     *               ],
                     *               "new_destination_wait_secs": 86400
                     *             },
                     *             "settlement": {
                     *               "minimums": [
                     *                 {
                     *                   "currency": "CNY",
                     *                   "minor": 10000
                     *                 }
                     *               ],
                     *               "pay_to": {
                     *                 "account": "6222020200112233445",
                     *                 "holder": "Tea House Ltd",
                     *                 "kind": "bank_account"
                     *               }
                     *             }
                     *           },
                     *           "differences": [
                     *             {
                     *               "new": "{\"currency\":\"CNY\",\"rate_ppm\":0,\"fixed\":100,\"min\":0,\"cap\":null,\"rounding\":\"down\"}",
                     *               "path": "fees.payout.CNY",
                     *               "worse": true
                     *             }
                     *           ],
                     *           "in_force_from": "2026-11-18T08:00:00.000Z",
                     *           "merchant": "m_tea",
                     *           "number": 1,
                     *           "object": "contract",
                     *           "status": "in_force"
                     *         }
                     *       ],
                     *       "has_more": false,
                     *       "object": "list"
                     *     }
                     */
                    "application/json": components["schemas"]["List_ContractView"];
                };
            };
        };
    };
    events_list: {
        parameters: {
            query?: {
                /** @description Such as `order.paid`. */
                type?: string;
                /** @description `ord_…` */
                order_id?: string;
                /** @description At most so many; 20 if absent. A page ends early, with `has_more`, before it has more than 768 KiB. */
                limit?: number;
                /** @description The `next` of the page before. */
                after?: string;
                /**
                 * Only what was made then or later. RFC 3339.
                 * @example 2026-11-18T00:00:00Z
                 */
                created_from?: string;
                /**
                 * Only what was made before then. RFC 3339.
                 * @example 2026-11-19T00:00:00Z
                 */
                created_to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_StoredEvent"];
                };
            };
        };
    };
    events_redeliver_range: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EventRange"];
            };
        };
        responses: {
            /** @description How many */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Redelivery"];
                };
            };
        };
    };
    events_test: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EchoTest"];
            };
        };
        responses: {
            /** @description What the receiver did with each */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Report"];
                };
            };
        };
    };
    events_find: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `evt_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The event */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StoredEvent"];
                };
            };
        };
    };
    events_redeliver: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `evt_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The event, `waiting` */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StoredEvent"];
                };
            };
        };
    };
    fx_list: {
        parameters: {
            query?: {
                /** @description At most so many; 20 if absent. A page ends early, with `has_more`, before it has more than 768 KiB. */
                limit?: number;
                /** @description The `next` of the page before. */
                after?: string;
                /**
                 * Only what was made then or later. RFC 3339.
                 * @example 2026-11-18T00:00:00Z
                 */
                created_from?: string;
                /**
                 * Only what was made before then. RFC 3339.
                 * @example 2026-11-19T00:00:00Z
                 */
                created_to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "base_rate": "7.1234",
                     *           "created_at": "2026-11-18T11:06:40.000Z",
                     *           "exchange_rate": "7.1020298",
                     *           "expires_at": "2026-11-18T11:11:40.000Z",
                     *           "from_currency": "USD",
                     *           "id": "fxq_019ab5c0dd000123456789abcdef0123",
                     *           "lock_duration": "five_minutes",
                     *           "object": "fx_quote",
                     *           "rate_at": "2026-11-18T11:00:00.000Z",
                     *           "rate_source": "treasury desk",
                     *           "spread_ppm": 3000,
                     *           "status": "active",
                     *           "to_currency": "CNY"
                     *         }
                     *       ],
                     *       "has_more": false,
                     *       "object": "list"
                     *     }
                     */
                    "application/json": components["schemas"]["List_FxQuoteView"];
                };
            };
        };
    };
    fx_create: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "from_currency": "USD",
                 *       "lock_duration": "five_minutes",
                 *       "to_currency": "CNY"
                 *     }
                 */
                "application/json": components["schemas"]["NewFxQuote"];
            };
        };
        responses: {
            /** @description The quote */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "base_rate": "7.1234",
                     *       "created_at": "2026-11-18T11:06:40.000Z",
                     *       "exchange_rate": "7.1020298",
                     *       "expires_at": "2026-11-18T11:11:40.000Z",
                     *       "from_currency": "USD",
                     *       "id": "fxq_019ab5c0dd000123456789abcdef0123",
                     *       "lock_duration": "five_minutes",
                     *       "object": "fx_quote",
                     *       "rate_at": "2026-11-18T11:00:00.000Z",
                     *       "rate_source": "treasury desk",
                     *       "spread_ppm": 3000,
                     *       "status": "active",
                     *       "to_currency": "CNY"
                     *     }
                     */
                    "application/json": components["schemas"]["FxQuoteView"];
                };
            };
        };
    };
    fx_find: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `fxq_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The quote */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "base_rate": "7.1234",
                     *       "created_at": "2026-11-18T11:06:40.000Z",
                     *       "exchange_rate": "7.1020298",
                     *       "expires_at": "2026-11-18T11:11:40.000Z",
                     *       "from_currency": "USD",
                     *       "id": "fxq_019ab5c0dd000123456789abcdef0123",
                     *       "lock_duration": "five_minutes",
                     *       "object": "fx_quote",
                     *       "rate_at": "2026-11-18T11:00:00.000Z",
                     *       "rate_source": "treasury desk",
                     *       "spread_ppm": 3000,
                     *       "status": "active",
                     *       "to_currency": "CNY"
                     *     }
                     */
                    "application/json": components["schemas"]["FxQuoteView"];
                };
            };
        };
    };
    mandates_list_mandates: {
        parameters: {
            query?: {
                /**
                 * The merchant's own number of it. It stands alone.
                 * @example M-1
                 */
                merchant_mandate_id?: string;
                /**
                 * `pending`, `active`, `declined`, `revoked` or `expired`.
                 * @example active
                 */
                status?: string;
                /** @description At most so many; 20 if absent. A page ends early, with `has_more`, before it has more than 768 KiB. */
                limit?: number;
                /** @description The `next` of the page before. */
                after?: string;
                /**
                 * Only what was made then or later. RFC 3339.
                 * @example 2026-11-18T00:00:00Z
                 */
                created_from?: string;
                /**
                 * Only what was made before then. RFC 3339.
                 * @example 2026-11-19T00:00:00Z
                 */
                created_to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "activated_at": "2026-11-18T08:01:00.000Z",
                     *           "agree_by": "2026-11-19T08:00:00.000Z",
                     *           "available_amount": 4100,
                     *           "channel": "sandbox",
                     *           "created_at": "2026-11-18T08:00:00.000Z",
                     *           "currency": "CNY",
                     *           "debits": 1,
                     *           "description": "Tea of the month",
                     *           "expires_at": "2027-11-18T08:00:00.000Z",
                     *           "id": "mdt_019ab5c0f1000123456789abcdef0123",
                     *           "max_amount": 5000,
                     *           "merchant_mandate_id": "M-1",
                     *           "method": "wallet_debit",
                     *           "object": "mandate",
                     *           "period": {
                     *             "days": 30,
                     *             "max_amount": 9000
                     *           },
                     *           "return_url": "https://shop.example/subscribed",
                     *           "status": "active"
                     *         }
                     *       ],
                     *       "has_more": false,
                     *       "object": "list"
                     *     }
                     */
                    "application/json": components["schemas"]["List_MandateView"];
                };
            };
        };
    };
    mandates_create_mandate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "currency": "CNY",
                 *       "description": "Tea of the month",
                 *       "expires_at": "2027-11-18T08:00:00Z",
                 *       "max_amount": 5000,
                 *       "merchant_mandate_id": "M-1",
                 *       "period": {
                 *         "days": 30,
                 *         "max_amount": 9000
                 *       },
                 *       "return_url": "https://shop.example/subscribed"
                 *     }
                 */
                "application/json": components["schemas"]["NewMandate"];
            };
        };
        responses: {
            /** @description The mandate, `pending` */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "activated_at": "2026-11-18T08:01:00.000Z",
                     *       "agree_by": "2026-11-19T08:00:00.000Z",
                     *       "available_amount": 4100,
                     *       "channel": "sandbox",
                     *       "created_at": "2026-11-18T08:00:00.000Z",
                     *       "currency": "CNY",
                     *       "debits": 1,
                     *       "description": "Tea of the month",
                     *       "expires_at": "2027-11-18T08:00:00.000Z",
                     *       "id": "mdt_019ab5c0f1000123456789abcdef0123",
                     *       "max_amount": 5000,
                     *       "merchant_mandate_id": "M-1",
                     *       "method": "wallet_debit",
                     *       "object": "mandate",
                     *       "period": {
                     *         "days": 30,
                     *         "max_amount": 9000
                     *       },
                     *       "return_url": "https://shop.example/subscribed",
                     *       "status": "active"
                     *     }
                     */
                    "application/json": components["schemas"]["MandateView"];
                };
            };
        };
    };
    mandates_find_mandate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `mdt_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The mandate */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "activated_at": "2026-11-18T08:01:00.000Z",
                     *       "agree_by": "2026-11-19T08:00:00.000Z",
                     *       "available_amount": 4100,
                     *       "channel": "sandbox",
                     *       "created_at": "2026-11-18T08:00:00.000Z",
                     *       "currency": "CNY",
                     *       "debits": 1,
                     *       "description": "Tea of the month",
                     *       "expires_at": "2027-11-18T08:00:00.000Z",
                     *       "id": "mdt_019ab5c0f1000123456789abcdef0123",
                     *       "max_amount": 5000,
                     *       "merchant_mandate_id": "M-1",
                     *       "method": "wallet_debit",
                     *       "object": "mandate",
                     *       "period": {
                     *         "days": 30,
                     *         "max_amount": 9000
                     *       },
                     *       "return_url": "https://shop.example/subscribed",
                     *       "status": "active"
                     *     }
                     */
                    "application/json": components["schemas"]["MandateView"];
                };
            };
        };
    };
    mandates_debit: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `mdt_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "amount": 4900,
                 *       "currency": "CNY",
                 *       "description": "Tea of May",
                 *       "merchant_order_id": "A-2001",
                 *       "metadata": {
                 *         "subscription": "s-7"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["NewDebit"];
            };
        };
        responses: {
            /** @description The order */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "amount": 12800,
                     *       "capture": "automatic",
                     *       "captured_amount": 12800,
                     *       "checkout": {
                     *         "expires_at": "2026-11-18T11:21:40.042Z",
                     *         "session": "cs_019ab5c0de000123456789abcdef0123",
                     *         "url": "https://pay.example/pay/cs_019ab5c0de000123456789abcdef0123"
                     *       },
                     *       "created_at": "2026-11-18T11:06:40.042Z",
                     *       "currency": "CNY",
                     *       "decision": {
                     *         "channels": [
                     *           "sandbox"
                     *         ],
                     *         "hooks": {
                     *           "pricing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "risk": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "routing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           }
                     *         },
                     *         "reasons": [],
                     *         "replayable": true,
                     *         "score": 0,
                     *         "verdict": "accept"
                     *       },
                     *       "description": "Jasmine tea, 100 g",
                     *       "expires_at": "2026-11-18T11:21:40.042Z",
                     *       "fee": 77,
                     *       "id": "ord_019ab5c0de000123456789abcdef0123",
                     *       "merchant_order_id": "A-1001",
                     *       "metadata": {
                     *         "basket": "b-9"
                     *       },
                     *       "methods": [
                     *         "wallet_qr"
                     *       ],
                     *       "object": "order",
                     *       "paid_at": "2026-11-18T11:07:12.310Z",
                     *       "payment": {
                     *         "attempt": "att_019ab5c0e1000123456789abcdef0123",
                     *         "channel": "sandbox",
                     *         "channel_ref": "sbx-1",
                     *         "method": "wallet_qr"
                     *       },
                     *       "refundable_amount": 6800,
                     *       "refunded_amount": 0,
                     *       "refunding_amount": 6000,
                     *       "return_url": "https://shop.example/thanks",
                     *       "scene": "ecommerce",
                     *       "status": "paid"
                     *     }
                     */
                    "application/json": components["schemas"]["OrderView"];
                };
            };
        };
    };
    mandates_revoke_mandate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `mdt_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The mandate, `revoked` */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "activated_at": "2026-11-18T08:01:00.000Z",
                     *       "agree_by": "2026-11-19T08:00:00.000Z",
                     *       "available_amount": 4100,
                     *       "channel": "sandbox",
                     *       "created_at": "2026-11-18T08:00:00.000Z",
                     *       "currency": "CNY",
                     *       "debits": 1,
                     *       "description": "Tea of the month",
                     *       "expires_at": "2027-11-18T08:00:00.000Z",
                     *       "id": "mdt_019ab5c0f1000123456789abcdef0123",
                     *       "max_amount": 5000,
                     *       "merchant_mandate_id": "M-1",
                     *       "method": "wallet_debit",
                     *       "object": "mandate",
                     *       "period": {
                     *         "days": 30,
                     *         "max_amount": 9000
                     *       },
                     *       "return_url": "https://shop.example/subscribed",
                     *       "status": "active"
                     *     }
                     */
                    "application/json": components["schemas"]["MandateView"];
                };
            };
        };
    };
    orders_list: {
        parameters: {
            query?: {
                /**
                 * The merchant's own number. It stands alone.
                 * @example A-1001
                 */
                merchant_order_id?: string;
                /**
                 * `created`, `paying`, `authorized`, `capturing`, `paid`, `voiding`, `voided` or `closed`.
                 * @example paid
                 */
                status?: string;
                /** @description At most so many; 20 if absent. A page ends early, with `has_more`, before it has more than 768 KiB. */
                limit?: number;
                /** @description The `next` of the page before. */
                after?: string;
                /**
                 * Only what was made then or later. RFC 3339.
                 * @example 2026-11-18T00:00:00Z
                 */
                created_from?: string;
                /**
                 * Only what was made before then. RFC 3339.
                 * @example 2026-11-19T00:00:00Z
                 */
                created_to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of orders */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "amount": 12800,
                     *           "capture": "automatic",
                     *           "captured_amount": 12800,
                     *           "checkout": {
                     *             "expires_at": "2026-11-18T11:21:40.042Z",
                     *             "session": "cs_019ab5c0de000123456789abcdef0123",
                     *             "url": "https://pay.example/pay/cs_019ab5c0de000123456789abcdef0123"
                     *           },
                     *           "created_at": "2026-11-18T11:06:40.042Z",
                     *           "currency": "CNY",
                     *           "decision": {
                     *             "channels": [
                     *               "sandbox"
                     *             ],
                     *             "hooks": {
                     *               "pricing": {
                     *                 "fuel": 21834,
                     *                 "outcome": "ok",
                     *                 "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *               },
                     *               "risk": {
                     *                 "fuel": 21834,
                     *                 "outcome": "ok",
                     *                 "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *               },
                     *               "routing": {
                     *                 "fuel": 21834,
                     *                 "outcome": "ok",
                     *                 "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *               }
                     *             },
                     *             "reasons": [],
                     *             "replayable": true,
                     *             "score": 0,
                     *             "verdict": "accept"
                     *           },
                     *           "description": "Jasmine tea, 100 g",
                     *           "expires_at": "2026-11-18T11:21:40.042Z",
                     *           "fee": 77,
                     *           "id": "ord_019ab5c0de000123456789abcdef0123",
                     *           "merchant_order_id": "A-1001",
                     *           "metadata": {
                     *             "basket": "b-9"
                     *           },
                     *           "methods": [
                     *             "wallet_qr"
                     *           ],
                     *           "object": "order",
                     *           "paid_at": "2026-11-18T11:07:12.310Z",
                     *           "payment": {
                     *             "attempt": "att_019ab5c0e1000123456789abcdef0123",
                     *             "channel": "sandbox",
                     *             "channel_ref": "sbx-1",
                     *             "method": "wallet_qr"
                     *           },
                     *           "refundable_amount": 6800,
                     *           "refunded_amount": 0,
                     *           "refunding_amount": 6000,
                     *           "return_url": "https://shop.example/thanks",
                     *           "scene": "ecommerce",
                     *           "status": "paid"
                     *         }
                     *       ],
                     *       "has_more": true,
                     *       "next": "ord_019ab5c0de000123456789abcdef0123",
                     *       "object": "list"
                     *     }
                     */
                    "application/json": components["schemas"]["List_OrderView"];
                };
            };
        };
    };
    orders_create: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "amount": 12800,
                 *       "capture": "automatic",
                 *       "currency": "CNY",
                 *       "customer": {
                 *         "country": "CN",
                 *         "ip": "198.51.100.7",
                 *         "ref": "c-77"
                 *       },
                 *       "description": "Jasmine tea, 100 g",
                 *       "device": {
                 *         "id": "d-3",
                 *         "kind": "phone",
                 *         "os": "Android 16"
                 *       },
                 *       "expires_in": 900,
                 *       "merchant_order_id": "A-1001",
                 *       "metadata": {
                 *         "basket": "b-9"
                 *       },
                 *       "methods": [
                 *         "wallet_qr"
                 *       ],
                 *       "notify_url": "https://shop.example/callbacks",
                 *       "return_url": "https://shop.example/thanks",
                 *       "scene": "ecommerce"
                 *     }
                 */
                "application/json": components["schemas"]["NewOrder"];
            };
        };
        responses: {
            /** @description The order, with its checkout session */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "amount": 12800,
                     *       "capture": "automatic",
                     *       "captured_amount": 12800,
                     *       "checkout": {
                     *         "expires_at": "2026-11-18T11:21:40.042Z",
                     *         "session": "cs_019ab5c0de000123456789abcdef0123",
                     *         "url": "https://pay.example/pay/cs_019ab5c0de000123456789abcdef0123"
                     *       },
                     *       "created_at": "2026-11-18T11:06:40.042Z",
                     *       "currency": "CNY",
                     *       "decision": {
                     *         "channels": [
                     *           "sandbox"
                     *         ],
                     *         "hooks": {
                     *           "pricing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "risk": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "routing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           }
                     *         },
                     *         "reasons": [],
                     *         "replayable": true,
                     *         "score": 0,
                     *         "verdict": "accept"
                     *       },
                     *       "description": "Jasmine tea, 100 g",
                     *       "expires_at": "2026-11-18T11:21:40.042Z",
                     *       "fee": 77,
                     *       "id": "ord_019ab5c0de000123456789abcdef0123",
                     *       "merchant_order_id": "A-1001",
                     *       "metadata": {
                     *         "basket": "b-9"
                     *       },
                     *       "methods": [
                     *         "wallet_qr"
                     *       ],
                     *       "object": "order",
                     *       "paid_at": "2026-11-18T11:07:12.310Z",
                     *       "payment": {
                     *         "attempt": "att_019ab5c0e1000123456789abcdef0123",
                     *         "channel": "sandbox",
                     *         "channel_ref": "sbx-1",
                     *         "method": "wallet_qr"
                     *       },
                     *       "refundable_amount": 6800,
                     *       "refunded_amount": 0,
                     *       "refunding_amount": 6000,
                     *       "return_url": "https://shop.example/thanks",
                     *       "scene": "ecommerce",
                     *       "status": "paid"
                     *     }
                     */
                    "application/json": components["schemas"]["OrderView"];
                };
            };
        };
    };
    orders_find: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `ord_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The order */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "amount": 12800,
                     *       "capture": "automatic",
                     *       "captured_amount": 12800,
                     *       "checkout": {
                     *         "expires_at": "2026-11-18T11:21:40.042Z",
                     *         "session": "cs_019ab5c0de000123456789abcdef0123",
                     *         "url": "https://pay.example/pay/cs_019ab5c0de000123456789abcdef0123"
                     *       },
                     *       "created_at": "2026-11-18T11:06:40.042Z",
                     *       "currency": "CNY",
                     *       "decision": {
                     *         "channels": [
                     *           "sandbox"
                     *         ],
                     *         "hooks": {
                     *           "pricing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "risk": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "routing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           }
                     *         },
                     *         "reasons": [],
                     *         "replayable": true,
                     *         "score": 0,
                     *         "verdict": "accept"
                     *       },
                     *       "description": "Jasmine tea, 100 g",
                     *       "expires_at": "2026-11-18T11:21:40.042Z",
                     *       "fee": 77,
                     *       "id": "ord_019ab5c0de000123456789abcdef0123",
                     *       "merchant_order_id": "A-1001",
                     *       "metadata": {
                     *         "basket": "b-9"
                     *       },
                     *       "methods": [
                     *         "wallet_qr"
                     *       ],
                     *       "object": "order",
                     *       "paid_at": "2026-11-18T11:07:12.310Z",
                     *       "payment": {
                     *         "attempt": "att_019ab5c0e1000123456789abcdef0123",
                     *         "channel": "sandbox",
                     *         "channel_ref": "sbx-1",
                     *         "method": "wallet_qr"
                     *       },
                     *       "refundable_amount": 6800,
                     *       "refunded_amount": 0,
                     *       "refunding_amount": 6000,
                     *       "return_url": "https://shop.example/thanks",
                     *       "scene": "ecommerce",
                     *       "status": "paid"
                     *     }
                     */
                    "application/json": components["schemas"]["OrderView"];
                };
            };
        };
    };
    orders_capture: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `ord_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "amount": 6000,
                 *       "currency": "CNY"
                 *     }
                 */
                "application/json": components["schemas"]["NewCapture"];
            };
        };
        responses: {
            /** @description The order, `capturing` until the channel has confirmed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "amount": 12800,
                     *       "capture": "automatic",
                     *       "captured_amount": 12800,
                     *       "checkout": {
                     *         "expires_at": "2026-11-18T11:21:40.042Z",
                     *         "session": "cs_019ab5c0de000123456789abcdef0123",
                     *         "url": "https://pay.example/pay/cs_019ab5c0de000123456789abcdef0123"
                     *       },
                     *       "created_at": "2026-11-18T11:06:40.042Z",
                     *       "currency": "CNY",
                     *       "decision": {
                     *         "channels": [
                     *           "sandbox"
                     *         ],
                     *         "hooks": {
                     *           "pricing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "risk": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "routing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           }
                     *         },
                     *         "reasons": [],
                     *         "replayable": true,
                     *         "score": 0,
                     *         "verdict": "accept"
                     *       },
                     *       "description": "Jasmine tea, 100 g",
                     *       "expires_at": "2026-11-18T11:21:40.042Z",
                     *       "fee": 77,
                     *       "id": "ord_019ab5c0de000123456789abcdef0123",
                     *       "merchant_order_id": "A-1001",
                     *       "metadata": {
                     *         "basket": "b-9"
                     *       },
                     *       "methods": [
                     *         "wallet_qr"
                     *       ],
                     *       "object": "order",
                     *       "paid_at": "2026-11-18T11:07:12.310Z",
                     *       "payment": {
                     *         "attempt": "att_019ab5c0e1000123456789abcdef0123",
                     *         "channel": "sandbox",
                     *         "channel_ref": "sbx-1",
                     *         "method": "wallet_qr"
                     *       },
                     *       "refundable_amount": 6800,
                     *       "refunded_amount": 0,
                     *       "refunding_amount": 6000,
                     *       "return_url": "https://shop.example/thanks",
                     *       "scene": "ecommerce",
                     *       "status": "paid"
                     *     }
                     */
                    "application/json": components["schemas"]["OrderView"];
                };
            };
        };
    };
    orders_charge: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `ord_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "code": "990000000000000001"
                 *     }
                 */
                "application/json": components["schemas"]["NewCharge"];
            };
        };
        responses: {
            /** @description The order, paid */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "amount": 12800,
                     *       "capture": "automatic",
                     *       "captured_amount": 12800,
                     *       "checkout": {
                     *         "expires_at": "2026-11-18T11:21:40.042Z",
                     *         "session": "cs_019ab5c0de000123456789abcdef0123",
                     *         "url": "https://pay.example/pay/cs_019ab5c0de000123456789abcdef0123"
                     *       },
                     *       "created_at": "2026-11-18T11:06:40.042Z",
                     *       "currency": "CNY",
                     *       "decision": {
                     *         "channels": [
                     *           "sandbox"
                     *         ],
                     *         "hooks": {
                     *           "pricing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "risk": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "routing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           }
                     *         },
                     *         "reasons": [],
                     *         "replayable": true,
                     *         "score": 0,
                     *         "verdict": "accept"
                     *       },
                     *       "description": "Jasmine tea, 100 g",
                     *       "expires_at": "2026-11-18T11:21:40.042Z",
                     *       "fee": 77,
                     *       "id": "ord_019ab5c0de000123456789abcdef0123",
                     *       "merchant_order_id": "A-1001",
                     *       "metadata": {
                     *         "basket": "b-9"
                     *       },
                     *       "methods": [
                     *         "wallet_qr"
                     *       ],
                     *       "object": "order",
                     *       "paid_at": "2026-11-18T11:07:12.310Z",
                     *       "payment": {
                     *         "attempt": "att_019ab5c0e1000123456789abcdef0123",
                     *         "channel": "sandbox",
                     *         "channel_ref": "sbx-1",
                     *         "method": "wallet_qr"
                     *       },
                     *       "refundable_amount": 6800,
                     *       "refunded_amount": 0,
                     *       "refunding_amount": 6000,
                     *       "return_url": "https://shop.example/thanks",
                     *       "scene": "ecommerce",
                     *       "status": "paid"
                     *     }
                     */
                    "application/json": components["schemas"]["OrderView"];
                };
            };
            /** @description The order; the payment is not decided */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "amount": 12800,
                     *       "capture": "automatic",
                     *       "captured_amount": 12800,
                     *       "checkout": {
                     *         "expires_at": "2026-11-18T11:21:40.042Z",
                     *         "session": "cs_019ab5c0de000123456789abcdef0123",
                     *         "url": "https://pay.example/pay/cs_019ab5c0de000123456789abcdef0123"
                     *       },
                     *       "created_at": "2026-11-18T11:06:40.042Z",
                     *       "currency": "CNY",
                     *       "decision": {
                     *         "channels": [
                     *           "sandbox"
                     *         ],
                     *         "hooks": {
                     *           "pricing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "risk": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "routing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           }
                     *         },
                     *         "reasons": [],
                     *         "replayable": true,
                     *         "score": 0,
                     *         "verdict": "accept"
                     *       },
                     *       "description": "Jasmine tea, 100 g",
                     *       "expires_at": "2026-11-18T11:21:40.042Z",
                     *       "fee": 77,
                     *       "id": "ord_019ab5c0de000123456789abcdef0123",
                     *       "merchant_order_id": "A-1001",
                     *       "metadata": {
                     *         "basket": "b-9"
                     *       },
                     *       "methods": [
                     *         "wallet_qr"
                     *       ],
                     *       "object": "order",
                     *       "paid_at": "2026-11-18T11:07:12.310Z",
                     *       "payment": {
                     *         "attempt": "att_019ab5c0e1000123456789abcdef0123",
                     *         "channel": "sandbox",
                     *         "channel_ref": "sbx-1",
                     *         "method": "wallet_qr"
                     *       },
                     *       "refundable_amount": 6800,
                     *       "refunded_amount": 0,
                     *       "refunding_amount": 6000,
                     *       "return_url": "https://shop.example/thanks",
                     *       "scene": "ecommerce",
                     *       "status": "paid"
                     *     }
                     */
                    "application/json": components["schemas"]["OrderView"];
                };
            };
        };
    };
    orders_close: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `ord_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The closed order */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "amount": 12800,
                     *       "capture": "automatic",
                     *       "captured_amount": 12800,
                     *       "checkout": {
                     *         "expires_at": "2026-11-18T11:21:40.042Z",
                     *         "session": "cs_019ab5c0de000123456789abcdef0123",
                     *         "url": "https://pay.example/pay/cs_019ab5c0de000123456789abcdef0123"
                     *       },
                     *       "created_at": "2026-11-18T11:06:40.042Z",
                     *       "currency": "CNY",
                     *       "decision": {
                     *         "channels": [
                     *           "sandbox"
                     *         ],
                     *         "hooks": {
                     *           "pricing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "risk": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "routing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           }
                     *         },
                     *         "reasons": [],
                     *         "replayable": true,
                     *         "score": 0,
                     *         "verdict": "accept"
                     *       },
                     *       "description": "Jasmine tea, 100 g",
                     *       "expires_at": "2026-11-18T11:21:40.042Z",
                     *       "fee": 77,
                     *       "id": "ord_019ab5c0de000123456789abcdef0123",
                     *       "merchant_order_id": "A-1001",
                     *       "metadata": {
                     *         "basket": "b-9"
                     *       },
                     *       "methods": [
                     *         "wallet_qr"
                     *       ],
                     *       "object": "order",
                     *       "paid_at": "2026-11-18T11:07:12.310Z",
                     *       "payment": {
                     *         "attempt": "att_019ab5c0e1000123456789abcdef0123",
                     *         "channel": "sandbox",
                     *         "channel_ref": "sbx-1",
                     *         "method": "wallet_qr"
                     *       },
                     *       "refundable_amount": 6800,
                     *       "refunded_amount": 0,
                     *       "refunding_amount": 6000,
                     *       "return_url": "https://shop.example/thanks",
                     *       "scene": "ecommerce",
                     *       "status": "paid"
                     *     }
                     */
                    "application/json": components["schemas"]["OrderView"];
                };
            };
        };
    };
    refunds_of_order: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `ord_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description At most 50, oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "amount": 6000,
                     *           "created_at": "2026-11-18T12:00:00.000Z",
                     *           "currency": "CNY",
                     *           "fee": 36,
                     *           "id": "rfd_019ab5c0f1000123456789abcdef0123",
                     *           "merchant_refund_id": "R-1",
                     *           "object": "refund",
                     *           "order_id": "ord_019ab5c0de000123456789abcdef0123",
                     *           "reason": "One tin was dented",
                     *           "status": "pending"
                     *         }
                     *       ],
                     *       "has_more": false,
                     *       "object": "list"
                     *     }
                     */
                    "application/json": components["schemas"]["List_RefundView"];
                };
            };
        };
    };
    refunds_create: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `ord_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "amount": 6000,
                 *       "currency": "CNY",
                 *       "merchant_refund_id": "R-1",
                 *       "reason": "One tin was dented"
                 *     }
                 */
                "application/json": components["schemas"]["NewRefund"];
            };
        };
        responses: {
            /** @description The refund, `pending` */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "amount": 6000,
                     *       "created_at": "2026-11-18T12:00:00.000Z",
                     *       "currency": "CNY",
                     *       "fee": 36,
                     *       "id": "rfd_019ab5c0f1000123456789abcdef0123",
                     *       "merchant_refund_id": "R-1",
                     *       "object": "refund",
                     *       "order_id": "ord_019ab5c0de000123456789abcdef0123",
                     *       "reason": "One tin was dented",
                     *       "status": "pending"
                     *     }
                     */
                    "application/json": components["schemas"]["RefundView"];
                };
            };
        };
    };
    orders_renew_session: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `ord_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The order, with its new checkout session and client secret */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "amount": 12800,
                     *       "capture": "automatic",
                     *       "captured_amount": 12800,
                     *       "checkout": {
                     *         "expires_at": "2026-11-18T11:21:40.042Z",
                     *         "session": "cs_019ab5c0de000123456789abcdef0123",
                     *         "url": "https://pay.example/pay/cs_019ab5c0de000123456789abcdef0123"
                     *       },
                     *       "created_at": "2026-11-18T11:06:40.042Z",
                     *       "currency": "CNY",
                     *       "decision": {
                     *         "channels": [
                     *           "sandbox"
                     *         ],
                     *         "hooks": {
                     *           "pricing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "risk": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "routing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           }
                     *         },
                     *         "reasons": [],
                     *         "replayable": true,
                     *         "score": 0,
                     *         "verdict": "accept"
                     *       },
                     *       "description": "Jasmine tea, 100 g",
                     *       "expires_at": "2026-11-18T11:21:40.042Z",
                     *       "fee": 77,
                     *       "id": "ord_019ab5c0de000123456789abcdef0123",
                     *       "merchant_order_id": "A-1001",
                     *       "metadata": {
                     *         "basket": "b-9"
                     *       },
                     *       "methods": [
                     *         "wallet_qr"
                     *       ],
                     *       "object": "order",
                     *       "paid_at": "2026-11-18T11:07:12.310Z",
                     *       "payment": {
                     *         "attempt": "att_019ab5c0e1000123456789abcdef0123",
                     *         "channel": "sandbox",
                     *         "channel_ref": "sbx-1",
                     *         "method": "wallet_qr"
                     *       },
                     *       "refundable_amount": 6800,
                     *       "refunded_amount": 0,
                     *       "refunding_amount": 6000,
                     *       "return_url": "https://shop.example/thanks",
                     *       "scene": "ecommerce",
                     *       "status": "paid"
                     *     }
                     */
                    "application/json": components["schemas"]["OrderView"];
                };
            };
        };
    };
    splits_of_order: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `ord_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description At most 50, oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "created_at": "2026-11-19T12:00:00.000Z",
                     *           "currency": "CNY",
                     *           "id": "spl_019ab5c0f1000123456789abcdef0123",
                     *           "items": [
                     *             {
                     *               "amount": 3000,
                     *               "receiver": "courier",
                     *               "status": "succeeded"
                     *             },
                     *             {
                     *               "amount": 700,
                     *               "receiver": "guide",
                     *               "status": "succeeded"
                     *             }
                     *           ],
                     *           "merchant_split_id": "S-1",
                     *           "mode": "all_or_nothing",
                     *           "object": "split",
                     *           "order_id": "ord_019ab5c0de000123456789abcdef0123",
                     *           "returns": [
                     *             {
                     *               "amount": 500,
                     *               "created_at": "2026-11-19T13:00:00.000Z",
                     *               "currency": "CNY",
                     *               "id": "spr_019ab5c0f2000123456789abcdef0123",
                     *               "merchant_return_id": "T-1",
                     *               "object": "split_return",
                     *               "order_id": "ord_019ab5c0de000123456789abcdef0123",
                     *               "receiver": "courier",
                     *               "split_id": "spl_019ab5c0f1000123456789abcdef0123",
                     *               "status": "succeeded"
                     *             }
                     *           ],
                     *           "unsplit_amount": 9523
                     *         }
                     *       ],
                     *       "has_more": false,
                     *       "object": "list"
                     *     }
                     */
                    "application/json": components["schemas"]["List_SplitView"];
                };
            };
        };
    };
    splits_create: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `ord_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "merchant_split_id": "S-1",
                 *       "mode": "all_or_nothing",
                 *       "shares": [
                 *         {
                 *           "amount": 3000,
                 *           "receiver": "courier"
                 *         },
                 *         {
                 *           "amount": 700,
                 *           "receiver": "guide"
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["NewSplit"];
            };
        };
        responses: {
            /** @description The split */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-19T12:00:00.000Z",
                     *       "currency": "CNY",
                     *       "id": "spl_019ab5c0f1000123456789abcdef0123",
                     *       "items": [
                     *         {
                     *           "amount": 3000,
                     *           "receiver": "courier",
                     *           "status": "succeeded"
                     *         },
                     *         {
                     *           "amount": 700,
                     *           "receiver": "guide",
                     *           "status": "succeeded"
                     *         }
                     *       ],
                     *       "merchant_split_id": "S-1",
                     *       "mode": "all_or_nothing",
                     *       "object": "split",
                     *       "order_id": "ord_019ab5c0de000123456789abcdef0123",
                     *       "returns": [
                     *         {
                     *           "amount": 500,
                     *           "created_at": "2026-11-19T13:00:00.000Z",
                     *           "currency": "CNY",
                     *           "id": "spr_019ab5c0f2000123456789abcdef0123",
                     *           "merchant_return_id": "T-1",
                     *           "object": "split_return",
                     *           "order_id": "ord_019ab5c0de000123456789abcdef0123",
                     *           "receiver": "courier",
                     *           "split_id": "spl_019ab5c0f1000123456789abcdef0123",
                     *           "status": "succeeded"
                     *         }
                     *       ],
                     *       "unsplit_amount": 9523
                     *     }
                     */
                    "application/json": components["schemas"]["SplitView"];
                };
            };
        };
    };
    splits_finish: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `ord_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The order */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "amount": 12800,
                     *       "capture": "automatic",
                     *       "captured_amount": 12800,
                     *       "checkout": {
                     *         "expires_at": "2026-11-18T11:21:40.042Z",
                     *         "session": "cs_019ab5c0de000123456789abcdef0123",
                     *         "url": "https://pay.example/pay/cs_019ab5c0de000123456789abcdef0123"
                     *       },
                     *       "created_at": "2026-11-18T11:06:40.042Z",
                     *       "currency": "CNY",
                     *       "decision": {
                     *         "channels": [
                     *           "sandbox"
                     *         ],
                     *         "hooks": {
                     *           "pricing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "risk": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "routing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           }
                     *         },
                     *         "reasons": [],
                     *         "replayable": true,
                     *         "score": 0,
                     *         "verdict": "accept"
                     *       },
                     *       "description": "Jasmine tea, 100 g",
                     *       "expires_at": "2026-11-18T11:21:40.042Z",
                     *       "fee": 77,
                     *       "id": "ord_019ab5c0de000123456789abcdef0123",
                     *       "merchant_order_id": "A-1001",
                     *       "metadata": {
                     *         "basket": "b-9"
                     *       },
                     *       "methods": [
                     *         "wallet_qr"
                     *       ],
                     *       "object": "order",
                     *       "paid_at": "2026-11-18T11:07:12.310Z",
                     *       "payment": {
                     *         "attempt": "att_019ab5c0e1000123456789abcdef0123",
                     *         "channel": "sandbox",
                     *         "channel_ref": "sbx-1",
                     *         "method": "wallet_qr"
                     *       },
                     *       "refundable_amount": 6800,
                     *       "refunded_amount": 0,
                     *       "refunding_amount": 6000,
                     *       "return_url": "https://shop.example/thanks",
                     *       "scene": "ecommerce",
                     *       "status": "paid"
                     *     }
                     */
                    "application/json": components["schemas"]["OrderView"];
                };
            };
        };
    };
    orders_void: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `ord_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The order, `voiding` until the channel has confirmed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "amount": 12800,
                     *       "capture": "automatic",
                     *       "captured_amount": 12800,
                     *       "checkout": {
                     *         "expires_at": "2026-11-18T11:21:40.042Z",
                     *         "session": "cs_019ab5c0de000123456789abcdef0123",
                     *         "url": "https://pay.example/pay/cs_019ab5c0de000123456789abcdef0123"
                     *       },
                     *       "created_at": "2026-11-18T11:06:40.042Z",
                     *       "currency": "CNY",
                     *       "decision": {
                     *         "channels": [
                     *           "sandbox"
                     *         ],
                     *         "hooks": {
                     *           "pricing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "risk": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           },
                     *           "routing": {
                     *             "fuel": 21834,
                     *             "outcome": "ok",
                     *             "plugin": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
                     *           }
                     *         },
                     *         "reasons": [],
                     *         "replayable": true,
                     *         "score": 0,
                     *         "verdict": "accept"
                     *       },
                     *       "description": "Jasmine tea, 100 g",
                     *       "expires_at": "2026-11-18T11:21:40.042Z",
                     *       "fee": 77,
                     *       "id": "ord_019ab5c0de000123456789abcdef0123",
                     *       "merchant_order_id": "A-1001",
                     *       "metadata": {
                     *         "basket": "b-9"
                     *       },
                     *       "methods": [
                     *         "wallet_qr"
                     *       ],
                     *       "object": "order",
                     *       "paid_at": "2026-11-18T11:07:12.310Z",
                     *       "payment": {
                     *         "attempt": "att_019ab5c0e1000123456789abcdef0123",
                     *         "channel": "sandbox",
                     *         "channel_ref": "sbx-1",
                     *         "method": "wallet_qr"
                     *       },
                     *       "refundable_amount": 6800,
                     *       "refunded_amount": 0,
                     *       "refunding_amount": 6000,
                     *       "return_url": "https://shop.example/thanks",
                     *       "scene": "ecommerce",
                     *       "status": "paid"
                     *     }
                     */
                    "application/json": components["schemas"]["OrderView"];
                };
            };
        };
    };
    payouts_list_batches: {
        parameters: {
            query?: {
                /**
                 * The merchant's own number. It stands alone.
                 * @example B-1
                 */
                merchant_payout_batch_id?: string;
                /** @description At most so many; 20 if absent. A page ends early, with `has_more`, before it has more than 768 KiB. */
                limit?: number;
                /** @description The `next` of the page before. */
                after?: string;
                /**
                 * Only what was made then or later. RFC 3339.
                 * @example 2026-11-18T00:00:00Z
                 */
                created_from?: string;
                /**
                 * Only what was made before then. RFC 3339.
                 * @example 2026-11-19T00:00:00Z
                 */
                created_to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "by_status": [
                     *             {
                     *               "amount": 3000,
                     *               "count": 1,
                     *               "status": "sent"
                     *             },
                     *             {
                     *               "amount": 6000,
                     *               "count": 1,
                     *               "status": "paid"
                     *             }
                     *           ],
                     *           "contract": 1,
                     *           "created_at": "2026-11-18T08:00:00.000Z",
                     *           "currency": "CNY",
                     *           "fee": 200,
                     *           "id": "pob_019ab5c0de000123456789abcdef0123",
                     *           "merchant_payout_batch_id": "B-1",
                     *           "object": "payout_batch",
                     *           "status": "open",
                     *           "total_amount": 9000,
                     *           "total_count": 2
                     *         }
                     *       ],
                     *       "has_more": false,
                     *       "object": "list"
                     *     }
                     */
                    "application/json": components["schemas"]["List_PayoutBatchView"];
                };
            };
        };
    };
    payouts_create_batch: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "currency": "CNY",
                 *       "items": [
                 *         {
                 *           "amount": 6000,
                 *           "description": "Jasmine leaves, March",
                 *           "destination": {
                 *             "account": "6222020200112233445",
                 *             "holder": "Tea House Ltd",
                 *             "kind": "bank_account"
                 *           },
                 *           "merchant_payout_id": "P-1"
                 *         },
                 *         {
                 *           "amount": 3000,
                 *           "destination": {
                 *             "account": "courier-7",
                 *             "kind": "wallet"
                 *           },
                 *           "merchant_payout_id": "P-2"
                 *         }
                 *       ],
                 *       "merchant_payout_batch_id": "B-1",
                 *       "total_amount": 9000,
                 *       "total_count": 2
                 *     }
                 */
                "application/json": components["schemas"]["NewPayoutBatch"];
            };
        };
        responses: {
            /** @description The batch */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "by_status": [
                     *         {
                     *           "amount": 3000,
                     *           "count": 1,
                     *           "status": "sent"
                     *         },
                     *         {
                     *           "amount": 6000,
                     *           "count": 1,
                     *           "status": "paid"
                     *         }
                     *       ],
                     *       "contract": 1,
                     *       "created_at": "2026-11-18T08:00:00.000Z",
                     *       "currency": "CNY",
                     *       "fee": 200,
                     *       "id": "pob_019ab5c0de000123456789abcdef0123",
                     *       "merchant_payout_batch_id": "B-1",
                     *       "object": "payout_batch",
                     *       "status": "open",
                     *       "total_amount": 9000,
                     *       "total_count": 2
                     *     }
                     */
                    "application/json": components["schemas"]["PayoutBatchView"];
                };
            };
        };
    };
    payouts_find_batch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `pob_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The batch */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "by_status": [
                     *         {
                     *           "amount": 3000,
                     *           "count": 1,
                     *           "status": "sent"
                     *         },
                     *         {
                     *           "amount": 6000,
                     *           "count": 1,
                     *           "status": "paid"
                     *         }
                     *       ],
                     *       "contract": 1,
                     *       "created_at": "2026-11-18T08:00:00.000Z",
                     *       "currency": "CNY",
                     *       "fee": 200,
                     *       "id": "pob_019ab5c0de000123456789abcdef0123",
                     *       "merchant_payout_batch_id": "B-1",
                     *       "object": "payout_batch",
                     *       "status": "open",
                     *       "total_amount": 9000,
                     *       "total_count": 2
                     *     }
                     */
                    "application/json": components["schemas"]["PayoutBatchView"];
                };
            };
        };
    };
    payouts_of_batch: {
        parameters: {
            query?: {
                /**
                 * A status, such as `failed`.
                 * @example failed
                 */
                status?: string;
                /** @description At most so many; 20 if absent. A page ends early, with `has_more`, before it has more than 768 KiB. */
                limit?: number;
                /** @description The `next` of the page before. */
                after?: string;
                /**
                 * Only what was made then or later. RFC 3339.
                 * @example 2026-11-18T00:00:00Z
                 */
                created_from?: string;
                /**
                 * Only what was made before then. RFC 3339.
                 * @example 2026-11-19T00:00:00Z
                 */
                created_to?: string;
            };
            header?: never;
            path: {
                /** @description `pob_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "amount": 10000,
                     *           "attention": [],
                     *           "channel_ref": "W6789abcdef0123",
                     *           "contract": 1,
                     *           "created_at": "2026-11-18T08:00:00.000Z",
                     *           "currency": "CNY",
                     *           "description": "Jasmine leaves, March",
                     *           "destination": {
                     *             "account": "****3445",
                     *             "kind": "bank_account"
                     *           },
                     *           "fee": 100,
                     *           "id": "po_019ab5c0de000123456789abcdef0123",
                     *           "merchant_payout_id": "P-1",
                     *           "not_before": "2026-11-18T08:00:00.000Z",
                     *           "object": "payout",
                     *           "paid_at": "2026-11-18T08:00:02.000Z",
                     *           "status": "paid"
                     *         }
                     *       ],
                     *       "has_more": false,
                     *       "object": "list"
                     *     }
                     */
                    "application/json": components["schemas"]["List_PayoutView"];
                };
            };
        };
    };
    payouts_list: {
        parameters: {
            query?: {
                /**
                 * The merchant's own number. It stands alone.
                 * @example P-1
                 */
                merchant_payout_id?: string;
                /**
                 * A status, such as `paid`.
                 * @example paid
                 */
                status?: string;
                /** @description At most so many; 20 if absent. A page ends early, with `has_more`, before it has more than 768 KiB. */
                limit?: number;
                /** @description The `next` of the page before. */
                after?: string;
                /**
                 * Only what was made then or later. RFC 3339.
                 * @example 2026-11-18T00:00:00Z
                 */
                created_from?: string;
                /**
                 * Only what was made before then. RFC 3339.
                 * @example 2026-11-19T00:00:00Z
                 */
                created_to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "amount": 10000,
                     *           "attention": [],
                     *           "channel_ref": "W6789abcdef0123",
                     *           "contract": 1,
                     *           "created_at": "2026-11-18T08:00:00.000Z",
                     *           "currency": "CNY",
                     *           "description": "Jasmine leaves, March",
                     *           "destination": {
                     *             "account": "****3445",
                     *             "kind": "bank_account"
                     *           },
                     *           "fee": 100,
                     *           "id": "po_019ab5c0de000123456789abcdef0123",
                     *           "merchant_payout_id": "P-1",
                     *           "not_before": "2026-11-18T08:00:00.000Z",
                     *           "object": "payout",
                     *           "paid_at": "2026-11-18T08:00:02.000Z",
                     *           "status": "paid"
                     *         }
                     *       ],
                     *       "has_more": false,
                     *       "object": "list"
                     *     }
                     */
                    "application/json": components["schemas"]["List_PayoutView"];
                };
            };
        };
    };
    payouts_create: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "amount": 10000,
                 *       "currency": "CNY",
                 *       "description": "Jasmine leaves, March",
                 *       "destination": {
                 *         "account": "6222020200112233445",
                 *         "holder": "Tea House Ltd",
                 *         "kind": "bank_account"
                 *       },
                 *       "merchant_payout_id": "P-1"
                 *     }
                 */
                "application/json": components["schemas"]["NewPayout"];
            };
        };
        responses: {
            /** @description The payout */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "amount": 10000,
                     *       "attention": [],
                     *       "channel_ref": "W6789abcdef0123",
                     *       "contract": 1,
                     *       "created_at": "2026-11-18T08:00:00.000Z",
                     *       "currency": "CNY",
                     *       "description": "Jasmine leaves, March",
                     *       "destination": {
                     *         "account": "****3445",
                     *         "kind": "bank_account"
                     *       },
                     *       "fee": 100,
                     *       "id": "po_019ab5c0de000123456789abcdef0123",
                     *       "merchant_payout_id": "P-1",
                     *       "not_before": "2026-11-18T08:00:00.000Z",
                     *       "object": "payout",
                     *       "paid_at": "2026-11-18T08:00:02.000Z",
                     *       "status": "paid"
                     *     }
                     */
                    "application/json": components["schemas"]["PayoutView"];
                };
            };
        };
    };
    payouts_find: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `po_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The payout */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "amount": 10000,
                     *       "attention": [],
                     *       "channel_ref": "W6789abcdef0123",
                     *       "contract": 1,
                     *       "created_at": "2026-11-18T08:00:00.000Z",
                     *       "currency": "CNY",
                     *       "description": "Jasmine leaves, March",
                     *       "destination": {
                     *         "account": "****3445",
                     *         "kind": "bank_account"
                     *       },
                     *       "fee": 100,
                     *       "id": "po_019ab5c0de000123456789abcdef0123",
                     *       "merchant_payout_id": "P-1",
                     *       "not_before": "2026-11-18T08:00:00.000Z",
                     *       "object": "payout",
                     *       "paid_at": "2026-11-18T08:00:02.000Z",
                     *       "status": "paid"
                     *     }
                     */
                    "application/json": components["schemas"]["PayoutView"];
                };
            };
        };
    };
    payouts_cancel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `po_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The payout, `cancelled` */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "amount": 10000,
                     *       "attention": [],
                     *       "channel_ref": "W6789abcdef0123",
                     *       "contract": 1,
                     *       "created_at": "2026-11-18T08:00:00.000Z",
                     *       "currency": "CNY",
                     *       "description": "Jasmine leaves, March",
                     *       "destination": {
                     *         "account": "****3445",
                     *         "kind": "bank_account"
                     *       },
                     *       "fee": 100,
                     *       "id": "po_019ab5c0de000123456789abcdef0123",
                     *       "merchant_payout_id": "P-1",
                     *       "not_before": "2026-11-18T08:00:00.000Z",
                     *       "object": "payout",
                     *       "paid_at": "2026-11-18T08:00:02.000Z",
                     *       "status": "paid"
                     *     }
                     */
                    "application/json": components["schemas"]["PayoutView"];
                };
            };
        };
    };
    receivers_list: {
        parameters: {
            query?: {
                /**
                 * The merchant's own name for it. It stands alone.
                 * @example courier
                 */
                name?: string;
                /** @description At most so many; 20 if absent. A page ends early, with `has_more`, before it has more than 768 KiB. */
                limit?: number;
                /** @description The `next` of the page before. */
                after?: string;
                /**
                 * Only what was made then or later. RFC 3339.
                 * @example 2026-11-18T00:00:00Z
                 */
                created_from?: string;
                /**
                 * Only what was made before then. RFC 3339.
                 * @example 2026-11-19T00:00:00Z
                 */
                created_to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "balances": [
                     *             {
                     *               "account": "available",
                     *               "amount": 2500,
                     *               "currency": "CNY",
                     *               "exact": "2500"
                     *             }
                     *           ],
                     *           "created_at": "2026-11-18T08:00:00.000Z",
                     *           "destination": {
                     *             "account": "****3445",
                     *             "kind": "bank_account"
                     *           },
                     *           "id": "rcv_019ab5c0de000123456789abcdef0123",
                     *           "kind": "company",
                     *           "name": "courier",
                     *           "object": "receiver",
                     *           "status": "active"
                     *         }
                     *       ],
                     *       "has_more": false,
                     *       "object": "list"
                     *     }
                     */
                    "application/json": components["schemas"]["List_ReceiverView"];
                };
            };
        };
    };
    receivers_register: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "destination": {
                 *         "account": "6222020200112233445",
                 *         "holder": "Swift Ltd",
                 *         "kind": "bank_account"
                 *       },
                 *       "kind": "company",
                 *       "name": "courier"
                 *     }
                 */
                "application/json": components["schemas"]["NewReceiver"];
            };
        };
        responses: {
            /** @description The receiver */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "balances": [
                     *         {
                     *           "account": "available",
                     *           "amount": 2500,
                     *           "currency": "CNY",
                     *           "exact": "2500"
                     *         }
                     *       ],
                     *       "created_at": "2026-11-18T08:00:00.000Z",
                     *       "destination": {
                     *         "account": "****3445",
                     *         "kind": "bank_account"
                     *       },
                     *       "id": "rcv_019ab5c0de000123456789abcdef0123",
                     *       "kind": "company",
                     *       "name": "courier",
                     *       "object": "receiver",
                     *       "status": "active"
                     *     }
                     */
                    "application/json": components["schemas"]["ReceiverView"];
                };
            };
        };
    };
    receivers_find: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `rcv_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The receiver */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "balances": [
                     *         {
                     *           "account": "available",
                     *           "amount": 2500,
                     *           "currency": "CNY",
                     *           "exact": "2500"
                     *         }
                     *       ],
                     *       "created_at": "2026-11-18T08:00:00.000Z",
                     *       "destination": {
                     *         "account": "****3445",
                     *         "kind": "bank_account"
                     *       },
                     *       "id": "rcv_019ab5c0de000123456789abcdef0123",
                     *       "kind": "company",
                     *       "name": "courier",
                     *       "object": "receiver",
                     *       "status": "active"
                     *     }
                     */
                    "application/json": components["schemas"]["ReceiverView"];
                };
            };
        };
    };
    receivers_remove: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `rcv_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The receiver, `removed` */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "balances": [
                     *         {
                     *           "account": "available",
                     *           "amount": 2500,
                     *           "currency": "CNY",
                     *           "exact": "2500"
                     *         }
                     *       ],
                     *       "created_at": "2026-11-18T08:00:00.000Z",
                     *       "destination": {
                     *         "account": "****3445",
                     *         "kind": "bank_account"
                     *       },
                     *       "id": "rcv_019ab5c0de000123456789abcdef0123",
                     *       "kind": "company",
                     *       "name": "courier",
                     *       "object": "receiver",
                     *       "status": "active"
                     *     }
                     */
                    "application/json": components["schemas"]["ReceiverView"];
                };
            };
        };
    };
    refunds_list: {
        parameters: {
            query: {
                /**
                 * The merchant's own number.
                 * @example R-1
                 */
                merchant_refund_id: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One refund or none */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "amount": 6000,
                     *           "created_at": "2026-11-18T12:00:00.000Z",
                     *           "currency": "CNY",
                     *           "fee": 36,
                     *           "id": "rfd_019ab5c0f1000123456789abcdef0123",
                     *           "merchant_refund_id": "R-1",
                     *           "object": "refund",
                     *           "order_id": "ord_019ab5c0de000123456789abcdef0123",
                     *           "reason": "One tin was dented",
                     *           "status": "pending"
                     *         }
                     *       ],
                     *       "has_more": false,
                     *       "object": "list"
                     *     }
                     */
                    "application/json": components["schemas"]["List_RefundView"];
                };
            };
        };
    };
    refunds_find: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `rfd_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The refund */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "amount": 6000,
                     *       "created_at": "2026-11-18T12:00:00.000Z",
                     *       "currency": "CNY",
                     *       "fee": 36,
                     *       "id": "rfd_019ab5c0f1000123456789abcdef0123",
                     *       "merchant_refund_id": "R-1",
                     *       "object": "refund",
                     *       "order_id": "ord_019ab5c0de000123456789abcdef0123",
                     *       "reason": "One tin was dented",
                     *       "status": "pending"
                     *     }
                     */
                    "application/json": components["schemas"]["RefundView"];
                };
            };
        };
    };
    settlements_list: {
        parameters: {
            query?: {
                /** @description At most so many; 20 if absent. A page ends early, with `has_more`, before it has more than 768 KiB. */
                limit?: number;
                /** @description The `next` of the page before. */
                after?: string;
                /**
                 * Only what was made then or later. RFC 3339.
                 * @example 2026-11-18T00:00:00Z
                 */
                created_from?: string;
                /**
                 * Only what was made before then. RFC 3339.
                 * @example 2026-11-19T00:00:00Z
                 */
                created_to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "after_entry": 4710,
                     *           "carried": 0,
                     *           "closed_at": "2026-11-18T08:00:10.000Z",
                     *           "closing": 12723,
                     *           "contract": 1,
                     *           "currency": "CNY",
                     *           "cut_off": "2026-11-18T08:00:00.000Z",
                     *           "day": "2026-11-18",
                     *           "fee": 100,
                     *           "id": "stl_019ab5c0de000123456789abcdef0123",
                     *           "late": false,
                     *           "lines": 2,
                     *           "net": 12723,
                     *           "object": "settlement",
                     *           "opening": 0,
                     *           "paid": 12623,
                     *           "payout_id": "po_019ab5c0de000123456789abcdef0123",
                     *           "status": "paid",
                     *           "to_entry": 4715
                     *         }
                     *       ],
                     *       "has_more": false,
                     *       "object": "list"
                     *     }
                     */
                    "application/json": components["schemas"]["List_SettlementView"];
                };
            };
        };
    };
    settlements_open: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One for each currency */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "after_entry": 4715,
                     *           "closes_at": "2026-11-19T08:00:00.000Z",
                     *           "closing": 25000,
                     *           "currency": "CNY",
                     *           "fee": 100,
                     *           "lines": 3,
                     *           "object": "open_settlement",
                     *           "opening": 0,
                     *           "pays": 24900
                     *         }
                     *       ],
                     *       "has_more": false,
                     *       "object": "list"
                     *     }
                     */
                    "application/json": components["schemas"]["List_OpenSettlement"];
                };
            };
        };
    };
    settlements_find: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `stl_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The batch */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "after_entry": 4710,
                     *       "carried": 0,
                     *       "closed_at": "2026-11-18T08:00:10.000Z",
                     *       "closing": 12723,
                     *       "contract": 1,
                     *       "currency": "CNY",
                     *       "cut_off": "2026-11-18T08:00:00.000Z",
                     *       "day": "2026-11-18",
                     *       "fee": 100,
                     *       "id": "stl_019ab5c0de000123456789abcdef0123",
                     *       "late": false,
                     *       "lines": 2,
                     *       "net": 12723,
                     *       "object": "settlement",
                     *       "opening": 0,
                     *       "paid": 12623,
                     *       "payout_id": "po_019ab5c0de000123456789abcdef0123",
                     *       "status": "paid",
                     *       "to_entry": 4715
                     *     }
                     */
                    "application/json": components["schemas"]["SettlementView"];
                };
            };
        };
    };
    settlements_lines: {
        parameters: {
            query?: {
                /** @description At most so many; 20 if absent. */
                limit?: number;
                /** @description The `next` of the page before: the number of an entry. */
                after?: string;
            };
            header?: never;
            path: {
                /** @description `stl_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "amount": 12723,
                     *           "booked_at": "2026-11-18T08:00:01.000Z",
                     *           "currency": "CNY",
                     *           "entry": 4711,
                     *           "kind": "settlement",
                     *           "subject": "ord_019ab5c0de000123456789abcdef0123"
                     *         }
                     *       ],
                     *       "has_more": true,
                     *       "next": "4711",
                     *       "object": "list"
                     *     }
                     */
                    "application/json": components["schemas"]["List_SettlementLine"];
                };
            };
        };
    };
    splits_give_back: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `spl_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "amount": 500,
                 *       "merchant_return_id": "T-1",
                 *       "receiver": "courier"
                 *     }
                 */
                "application/json": components["schemas"]["NewReturn"];
            };
        };
        responses: {
            /** @description The return, `succeeded` or `failed` */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "amount": 500,
                     *       "created_at": "2026-11-19T13:00:00.000Z",
                     *       "currency": "CNY",
                     *       "id": "spr_019ab5c0f2000123456789abcdef0123",
                     *       "merchant_return_id": "T-1",
                     *       "object": "split_return",
                     *       "order_id": "ord_019ab5c0de000123456789abcdef0123",
                     *       "receiver": "courier",
                     *       "split_id": "spl_019ab5c0f1000123456789abcdef0123",
                     *       "status": "succeeded"
                     *     }
                     */
                    "application/json": components["schemas"]["SplitReturnView"];
                };
            };
        };
    };
    statements_list_plans: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "format": "jsonl",
                     *           "last_statement": "stm_019ab5c0de000123456789abcdef0123",
                     *           "name": "monthly",
                     *           "next_end": "2026-12-31T16:00:00.000Z",
                     *           "object": "statement_plan",
                     *           "period": "month",
                     *           "status": "on",
                     *           "type": "account.1",
                     *           "updated_at": "2026-11-18T08:00:00.000Z",
                     *           "zone": "Asia/Shanghai"
                     *         }
                     *       ],
                     *       "has_more": false,
                     *       "object": "list"
                     *     }
                     */
                    "application/json": components["schemas"]["List_StatementPlanView"];
                };
            };
        };
    };
    statements_find_plan: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The merchant's name for it */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The plan */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "format": "jsonl",
                     *       "last_statement": "stm_019ab5c0de000123456789abcdef0123",
                     *       "name": "monthly",
                     *       "next_end": "2026-12-31T16:00:00.000Z",
                     *       "object": "statement_plan",
                     *       "period": "month",
                     *       "status": "on",
                     *       "type": "account.1",
                     *       "updated_at": "2026-11-18T08:00:00.000Z",
                     *       "zone": "Asia/Shanghai"
                     *     }
                     */
                    "application/json": components["schemas"]["StatementPlanView"];
                };
            };
        };
    };
    statements_put_plan: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description 1 to 40 of `a-z`, `0-9`, `_` and `-` */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "format": "jsonl",
                 *       "period": "month",
                 *       "status": "on",
                 *       "type": "account.1",
                 *       "zone": "Asia/Shanghai"
                 *     }
                 */
                "application/json": components["schemas"]["NewStatementPlan"];
            };
        };
        responses: {
            /** @description The plan */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "format": "jsonl",
                     *       "last_statement": "stm_019ab5c0de000123456789abcdef0123",
                     *       "name": "monthly",
                     *       "next_end": "2026-12-31T16:00:00.000Z",
                     *       "object": "statement_plan",
                     *       "period": "month",
                     *       "status": "on",
                     *       "type": "account.1",
                     *       "updated_at": "2026-11-18T08:00:00.000Z",
                     *       "zone": "Asia/Shanghai"
                     *     }
                     */
                    "application/json": components["schemas"]["StatementPlanView"];
                };
            };
        };
    };
    statements_list: {
        parameters: {
            query?: {
                /** @description At most so many; 20 if absent. A page ends early, with `has_more`, before it has more than 768 KiB. */
                limit?: number;
                /** @description The `next` of the page before. */
                after?: string;
                /**
                 * Only what was made then or later. RFC 3339.
                 * @example 2026-11-18T00:00:00Z
                 */
                created_from?: string;
                /**
                 * Only what was made before then. RFC 3339.
                 * @example 2026-11-19T00:00:00Z
                 */
                created_to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "after_entry": 4710,
                     *           "content": {
                     *             "bytes": 734,
                     *             "digest": "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:",
                     *             "head": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
                     *             "lines": 2,
                     *             "made_at": "2026-12-01T08:00:00.120Z",
                     *             "totals": [
                     *               {
                     *                 "currency": "CNY",
                     *                 "fee_minor": "41",
                     *                 "gross_minor": "6800",
                     *                 "lines": 2,
                     *                 "net_minor": "6759"
                     *               }
                     *             ]
                     *           },
                     *           "content_until": "2027-03-01T08:00:00.000Z",
                     *           "created_at": "2026-12-01T08:00:00.000Z",
                     *           "format": "csv",
                     *           "from": "2026-10-31T16:00:00.000Z",
                     *           "id": "stm_019ab5c0de000123456789abcdef0123",
                     *           "object": "statement",
                     *           "state": "ready",
                     *           "to": "2026-11-30T16:00:00.000Z",
                     *           "type": "orders.1",
                     *           "until_entry": 4715,
                     *           "zone": "Asia/Shanghai"
                     *         }
                     *       ],
                     *       "has_more": false,
                     *       "object": "list"
                     *     }
                     */
                    "application/json": components["schemas"]["List_StatementView"];
                };
            };
        };
    };
    statements_create: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "columns": [
                 *         "at",
                 *         "kind",
                 *         "reference",
                 *         "gross",
                 *         "fee",
                 *         "net",
                 *         "currency",
                 *         "plugin.campaign"
                 *       ],
                 *       "format": "csv",
                 *       "from": "2026-11-01",
                 *       "to": "2026-12-01",
                 *       "type": "orders.1",
                 *       "zone": "Asia/Shanghai"
                 *     }
                 */
                "application/json": components["schemas"]["NewStatement"];
            };
        };
        responses: {
            /** @description The statement, `making` */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "after_entry": 4710,
                     *       "content": {
                     *         "bytes": 734,
                     *         "digest": "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:",
                     *         "head": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
                     *         "lines": 2,
                     *         "made_at": "2026-12-01T08:00:00.120Z",
                     *         "totals": [
                     *           {
                     *             "currency": "CNY",
                     *             "fee_minor": "41",
                     *             "gross_minor": "6800",
                     *             "lines": 2,
                     *             "net_minor": "6759"
                     *           }
                     *         ]
                     *       },
                     *       "content_until": "2027-03-01T08:00:00.000Z",
                     *       "created_at": "2026-12-01T08:00:00.000Z",
                     *       "format": "csv",
                     *       "from": "2026-10-31T16:00:00.000Z",
                     *       "id": "stm_019ab5c0de000123456789abcdef0123",
                     *       "object": "statement",
                     *       "state": "ready",
                     *       "to": "2026-11-30T16:00:00.000Z",
                     *       "type": "orders.1",
                     *       "until_entry": 4715,
                     *       "zone": "Asia/Shanghai"
                     *     }
                     */
                    "application/json": components["schemas"]["StatementView"];
                };
            };
        };
    };
    statements_find: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `stm_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The statement */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "after_entry": 4710,
                     *       "content": {
                     *         "bytes": 734,
                     *         "digest": "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:",
                     *         "head": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
                     *         "lines": 2,
                     *         "made_at": "2026-12-01T08:00:00.120Z",
                     *         "totals": [
                     *           {
                     *             "currency": "CNY",
                     *             "fee_minor": "41",
                     *             "gross_minor": "6800",
                     *             "lines": 2,
                     *             "net_minor": "6759"
                     *           }
                     *         ]
                     *       },
                     *       "content_until": "2027-03-01T08:00:00.000Z",
                     *       "created_at": "2026-12-01T08:00:00.000Z",
                     *       "format": "csv",
                     *       "from": "2026-10-31T16:00:00.000Z",
                     *       "id": "stm_019ab5c0de000123456789abcdef0123",
                     *       "object": "statement",
                     *       "state": "ready",
                     *       "to": "2026-11-30T16:00:00.000Z",
                     *       "type": "orders.1",
                     *       "until_entry": 4715,
                     *       "zone": "Asia/Shanghai"
                     *     }
                     */
                    "application/json": components["schemas"]["StatementView"];
                };
            };
        };
    };
    statements_download: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description `stm_…` */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/csv": string;
                };
            };
            /** @description The range, or its beginning */
            206: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/csv": string;
                };
            };
        };
    };
}
